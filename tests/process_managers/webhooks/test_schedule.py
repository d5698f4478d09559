"""When a delivery is tried again, and when an endpoint is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketlog.process_managers.webhooks.schedule import (
    DELAYS,
    FAILURES_IN_A_ROW,
    HOUR,
    JITTER,
    MINUTE,
    PROBES,
    SECOND,
    WHOLE,
    CircuitBreaker,
    next_attempt,
    retry_after,
)

NOW = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


def test_ten_attempts_take_75_hours_and_35_minutes() -> None:
    assert WHOLE == 75 * HOUR + 35 * MINUTE + 5 * SECOND
    at, attempts = NOW, 0
    while (then := next_attempt(attempts, at, 0.0)) is not None:
        at, attempts = then, attempts + 1
    assert (attempts, at - NOW) == (len(DELAYS), WHOLE)


@given(attempts=st.integers(0, 9), chance=st.floats(0, 1))
def test_jitter_makes_a_delay_a_little_longer(attempts: int, chance: float) -> None:
    at = next_attempt(attempts, NOW, chance)
    assert at is not None
    assert DELAYS[attempts] <= at - NOW <= DELAYS[attempts] * (1 + JITTER)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0),
        ("99999999", 86_400),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("", None),
        ("9" * 5_000, None),
    ],
)
def test_retry_after(text: str, seconds: int | None) -> None:
    assert retry_after(text, NOW) == (None if seconds is None else NOW + seconds * SECOND)


@given(st.text(max_size=60))
def test_any_retry_after_is_read_or_passed_by(text: str) -> None:
    at = retry_after(text, NOW)
    assert at is None or NOW <= at <= NOW + 24 * HOUR


def test_ten_failures_in_a_row_open_it_and_one_success_closes_it() -> None:
    breaker = CircuitBreaker()
    for _ in range(FAILURES_IN_A_ROW - 1):
        breaker.failed(NOW)
    breaker.succeeded()
    for number in range(FAILURES_IN_A_ROW):
        assert not breaker.is_open, number
        breaker.failed(NOW)
    assert breaker.probe_at == NOW + MINUTE
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.probe_at is None


def test_more_failures_than_successes_of_fifty_open_it() -> None:
    breaker = CircuitBreaker()
    for number in range(26):
        breaker.failed(NOW)
        if number < 24:
            breaker.succeeded()
    assert breaker.is_open


def test_half_of_fifty_do_not() -> None:
    breaker = CircuitBreaker()
    for _ in range(200):
        breaker.failed(NOW)
        breaker.succeeded()
    assert not breaker.is_open


def test_it_is_probed_after_1_5_and_30_minutes_and_then_every_30() -> None:
    breaker, at, waits = CircuitBreaker(), NOW, []
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(at)
    for _ in range(5):
        assert breaker.probe_at is not None
        waits.append(breaker.probe_at - at)
        breaker.failed(at + 1)  # of one that was under way when it opened
        at = breaker.probe_at
        breaker.failed(at)
    assert waits == [*PROBES, PROBES[-1], PROBES[-1]]
