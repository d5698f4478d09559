"""Secrets that settings name the place of and never hold: a variable or a file."""

from __future__ import annotations

import os
from pathlib import Path

from ticketlog.errors import Unreachable

LONGEST = 10_000
"""Bytes of a file that holds a secret."""


def outside_secret(place: str, folder: Path) -> str:
    """The secret at 'env:NAME' or 'file:PATH' (from the desk's folder on), without white space
    around it. Raises Unreachable, naming the place, where there is none."""
    kind, _, name = place.partition(":")
    if kind == "env":
        found = os.environ.get(name, "")
        missing = f"the variable {name} of the environment isn't set"
    else:
        path, missing = folder / name, f"the file {name} is empty"
        try:
            with path.open("rb") as file:
                found = file.read(LONGEST).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise Unreachable(f"the secret at {place} can't be read: {error}") from error
    if not found.strip():
        raise Unreachable(f"there is no secret at {place}: {missing}")
    return found.strip()
