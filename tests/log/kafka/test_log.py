from __future__ import annotations

import pytest

from tests.log.conformance import Conformance
from tests.log.kafka_backend import InKafka

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def shared(kafka: str) -> None:
    InKafka.bootstrap = kafka


class TestKafka(Conformance):
    backend = InKafka
    examples = 25
