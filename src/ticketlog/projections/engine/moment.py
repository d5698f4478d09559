"""A moment in the past that a view can be asked about, in recorded or in business time."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

_CUT = re.compile(r"(\d+(?:,\d+)*)/(\d+)")


class Cut(NamedTuple):
    """The first `ends[p]` records of each partition p and the first `settings` of the settings
    log: what a view knew at a moment of recorded time."""

    ends: tuple[int, ...]
    settings: int = 0

    def __str__(self) -> str:
        """'12,40,7/5': what `parse` and the command line's `--as-of` take."""
        return f"{','.join(map(str, self.ends))}/{self.settings}"

    @classmethod
    def parse(cls, text: str) -> Cut | None:
        """None where the text is no cut."""
        found = _CUT.fullmatch(text)
        if found is None:
            return None
        return cls(tuple(map(int, found[1].split(","))), int(found[2]))


class Occurred(NamedTuple):
    """Business time: of each stream, what its clock had reached by the instant `at`."""

    at: int


Moment: TypeAlias = Cut | Occurred
