"""Secrets that settings name the place of and never hold (`domain.settings.secret_places`)."""

from __future__ import annotations

import os
from pathlib import Path

from ticketlog.errors import Unfit

_LONGEST_FILE = 4_096


def outside_secret(place: str, folder: Path) -> str:
    """The secret at 'env:NAME' or 'file:PATH', without white space around it; `folder` is the
    desk's. Raises Unfit where it isn't there, without a word of what is."""
    kind, _, name = place.partition(":")
    if kind == "env":
        found = os.environ.get(name, "")
        if not found.strip():
            raise Unfit(
                f"the secret {place} is missing: set the environment variable {name} for "
                "every process of the desk"
            )
        return found.strip()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Unfit(f"the secret {place} lies outside the desk's folder: put it inside")
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST_FILE).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Unfit(f"the secret {place} can't be read: {why}") from None
    if not text:
        raise Unfit(f"the secret {place} is missing: its file is empty")
    return text
