"""When a row happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ticketlog.domain.timetext import moment, moment_by
from ticketlog.importing.mapping import Time, zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instants(time: Time) -> Callable[[str], int]:
    """Reads times as microseconds since 1970 UTC. The result raises ValueError."""
    zone = zone_of(time.zone) if time.zone else None

    def parsed(text: str) -> datetime:
        for pattern in time.formats:
            try:
                if pattern == "iso":
                    return moment(text)
                return moment_by(pattern, text)
            except ValueError:
                continue
        raise ValueError(f"{text!r} is no time of the form {' or '.join(time.formats)}")

    def instant(text: str) -> int:
        if not text:
            raise ValueError("the row has no time")
        said = parsed(text)
        if said.tzinfo is None:
            if zone is None:
                raise ValueError(f"{text!r} has no zone; set `zone` under [time] in the mapping")
            said = said.replace(tzinfo=zone)
        at = (said - _EPOCH) // _MICROSECOND
        if at < 0:
            raise ValueError(f"{text!r} is before 1970")
        return at

    return instant
