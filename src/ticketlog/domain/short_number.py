"""Short numbers of tickets as people write them: `#4711`, or `4711` where a shell would take what
follows a `#` for a comment."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"#([0-9]{1,18})|([0-9]{1,11})")
"""With its sign, or without it where it is shorter than an id."""


def number_in(text: str) -> int | None:
    """The short number that a text is, with or without 'ticket/' before it; None: it is none."""
    if not text or text[-1] not in "0123456789":
        return None
    found = _NUMBER.fullmatch(text.removeprefix("ticket/"))
    return None if found is None else int(found[1] or found[2])
