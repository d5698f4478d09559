"""The places of secrets, as settings name them: 'env:NAME' for a variable of the environment,
'file:PATH' for a file in the desk's folder. The secrets themselves never stand in settings."""

from __future__ import annotations

import re

_PLACE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f\x7f\\]+")


def is_secret_place(text: str) -> bool:
    """Whether a text names a place, and isn't a secret itself."""
    return _PLACE.fullmatch(text) is not None


def leaves_folder(place: str) -> bool:
    """Whether a place is a file outside the desk's folder: who writes settings isn't who runs the
    desk, and must get at no other file of its machine."""
    kind, _, path = place.partition(":")
    return kind == "file" and (path.startswith(("/", "~")) or ".." in path.split("/"))
