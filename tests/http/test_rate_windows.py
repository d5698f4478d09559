"""The windows in which requests are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from limits import parse

from ticketlog.http.limits import RateWindows


class Watch:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_takes_its_amount_and_a_new_one_begins_when_it_has_ended() -> None:
    watch = Watch()
    windows = RateWindows(parse("2/minute"), watch)
    assert [windows.hit("ann"), windows.full("ann"), windows.hit("ann")] == [None, None, None]
    assert windows.full("ann") == windows.hit("ann") == 1_060.0
    assert windows.hit("ben") is None
    watch.now = 1_060.0
    assert windows.full("ann") is None
    assert windows.hit("ann") is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 200)), max_size=60))
def test_windows_that_have_ended_are_forgotten(hits: list[tuple[str, float]]) -> None:
    watch = Watch()
    windows = RateWindows(parse("3/minute"), watch)
    for key, pause in hits:
        watch.now += pause
        windows.hit(key)
    watch.now += 121
    windows.hit("last")
    assert len(windows) == 1


@given(st.lists(st.floats(0, 40), max_size=40))
def test_no_minute_that_begins_with_a_window_has_more_than_its_amount(pauses: list[float]) -> None:
    watch = Watch()
    windows = RateWindows(parse("3/minute"), watch)
    taken: list[float] = []
    for pause in pauses:
        watch.now += pause
        beyond = windows.full("ann") is not None
        assert (windows.hit("ann") is not None) == beyond
        if not beyond:
            taken.append(watch.now)
    for first, fourth in zip(taken, taken[6:], strict=False):
        assert fourth - first >= 60 - 1e-6
