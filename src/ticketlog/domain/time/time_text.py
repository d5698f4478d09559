"""Times as people and their tools write them: also the end of a day, and leap seconds.

ISO 8601 lets a day end at 24:00, which is the next day's 00:00. A minute's 60th second (a leap
second, or one that a tool has rounded up) counts as the first of the next minute, as on every clock
that knows no leap seconds. Records are never written so.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_ISO_END_OF_DAY = re.compile(
    r"(?P<day>[0-9W-]{7,}[^0-9W+-])24(?P<rest>(?::?00){0,2}(?:[.,]0+)?)(?P<zone>Z|[+-].*)?"
)
_ISO_60TH_SECOND = re.compile(
    r"(?P<minute>[0-9W-]{7,}[^0-9W+-][0-9]{2}:?[0-9]{2}:?)60(?P<rest>(?:[.,][0-9]+)?(?:Z|[+-].*)?)"
)
_DIRECTIVE = re.compile("%(.)")


def moment(text: str) -> datetime:
    """The time that an ISO 8601 text says, with its zone if it has one. Raises ValueError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _beyond_iso(text)
        if found is None:
            raise
        return found


def moment_by(pattern: str, text: str) -> datetime:
    """The time that a text says, by a pattern of strptime. Raises ValueError."""
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007 (the caller has the zone)
    except ValueError:
        found = _beyond_pattern(pattern, text)
        if found is None:
            raise
        return found


def _beyond_iso(text: str) -> datetime | None:
    try:
        if found := _ISO_END_OF_DAY.fullmatch(text):
            midnight = f"{found['day']}00{found['rest']}{found['zone'] or ''}"
            return datetime.fromisoformat(midnight) + _DAY
        if found := _ISO_60TH_SECOND.fullmatch(text):
            second = timedelta(seconds=1)
            return datetime.fromisoformat(f"{found['minute']}59{found['rest']}") + second
    except (ValueError, OverflowError):
        pass
    return None


def _beyond_pattern(pattern: str, text: str) -> datetime | None:
    end_of_day = {"H": "24", "M": "00", "S": "00"}
    for written, more in ((end_of_day, _DAY), ({"S": "60"}, _MINUTE)):
        instead = _with(pattern, written)
        if instead == pattern:
            continue
        try:
            found = datetime.strptime(text, instead)  # noqa: DTZ007 (the caller has the zone)
            if more is _MINUTE or not found.microsecond:
                return found + more
        except (ValueError, OverflowError):
            continue
    return None


def _with(pattern: str, written: dict[str, str]) -> str:
    """The pattern with texts in place of some of its directives."""
    return _DIRECTIVE.sub(lambda found: written.get(found[1], found[0]), pattern)
