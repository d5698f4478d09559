"""The state machine of the log's conformance suite, for long."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.log.machine import LogMachine
from tests.log.test_embedded import Embedded


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_in_a_thousand_histories_the_log_is_what_the_rule_says() -> None:
    run_state_machine_as_test(lambda: LogMachine(Embedded), settings=settings(max_examples=1_000))
