"""The time of a row."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from ticketlog.domain.time.time_text import moment, moment_by
from ticketlog.importing.mapping import ALWAYS_UTC, Time, zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001 (Excel's days have no zone)
_UNITS = {"unix": 1, "unix-ms": 1_000}
_NAME = re.compile(r"(?<![A-Za-z/])(?!(?:AM|PM|T|Z)\b)([A-Z]{1,5})$")
AHEAD = 86_400_000_000
"""Microseconds that a row may be ahead of the clock where the mapping states no bound."""


def instants(time: Time) -> Callable[[str], int]:
    """Reads times as microseconds since 1970 UTC. The result raises ValueError.

    A name of a zone in a cell counts where the mapping says what it means; UTC and GMT always.
    24:00 is the start of the next day, and a leap second the start of the next minute.
    """
    own = zone_of(time.zone) if time.zone else None
    zones: dict[str, tzinfo] = dict.fromkeys(ALWAYS_UTC, UTC)
    zones |= {name: zone_of(zone) for name, zone in time.zones.items()}
    parsed = _parser(time.formats, zones)

    def instant(text: str) -> int:
        if not text:
            raise ValueError("the row has no time")
        said = parsed(text)
        if said.tzinfo is None:
            if own is None:
                raise ValueError(f"{text!r} has no zone; set `zone` under [time] in the mapping")
            said = said.replace(tzinfo=own)
        at = (said - _EPOCH) // _MICROSECOND
        if at < 0:
            raise ValueError(f"{text!r} is before 1970")
        return at

    return instant


def bounds(time: Time, now: int) -> tuple[int, int]:
    """The first and the last instant that a row may have, in microseconds; `now` is the clock's."""
    read = instants(Time(zone=time.zone or "UTC"))
    first = read(time.not_before) if time.not_before else 0
    if not time.not_after:
        return first, now + AHEAD
    day = len(time.not_after) == len("2024-12-31")
    return first, read(time.not_after) + (86_400_000_000 - 1 if day else 0)


def _parser(formats: tuple[str, ...], zones: dict[str, tzinfo]) -> Callable[[str], datetime]:
    readers = [_reader(pattern, zones) for pattern in formats]

    def parsed(text: str) -> datetime:
        for read in readers:
            try:
                return read(text)
            except (ValueError, OverflowError):
                continue
        name = _NAME.search(text)
        if name and name[1] not in zones:
            raise ValueError(
                f"{text!r} names the zone {name[1]}, which can mean several: say what it means "
                f'here, such as {name[1]} = "+02:00" under [time.zones]'
            )
        raise ValueError(f"{text!r} is no time of the form {' or '.join(formats)}")

    return parsed


def _reader(pattern: str, zones: dict[str, tzinfo]) -> Callable[[str], datetime]:
    if pattern in _UNITS:
        unit = timedelta(seconds=1) / _UNITS[pattern]
        return lambda text: _EPOCH + float(text) * unit
    if pattern == "excel":
        return lambda text: _EXCEL + timedelta(seconds=round(float(text) * 86_400, 3))
    if pattern == "iso":
        return lambda text: _iso(text, zones)
    if "%Z" in pattern:
        return lambda text: _named(text, pattern.replace("%Z", "%z"), zones)
    return lambda text: moment_by(pattern, text)


def _iso(text: str, zones: dict[str, tzinfo]) -> datetime:
    try:
        return moment(text)
    except ValueError:
        start, _, name = text.rpartition(" ")
        if name not in zones:
            raise
        return moment(start.rstrip()).replace(tzinfo=zones[name])


def _named(text: str, pattern: str, zones: dict[str, tzinfo]) -> datetime:
    """With the name of a zone at its place; never by the zone of this machine."""
    for name in sorted(zones, key=len, reverse=True):
        found = re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", text)
        if found:
            number = text[: found.start()] + "+0000" + text[found.end() :]
            return moment_by(pattern, number).replace(tzinfo=zones[name])
    return moment_by(pattern, text)
