"""Sealed cookies: what a browser carries from one step of signing in to the next. They are
encrypted and signed with a key of the desk, so nobody can read or make one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

from ticketlog.errors import Unreachable

KEY_FILE = "signing-in.key"
KEY_VARIABLE = "TICKETLOG_SIGNING_KEY"
"""Names a key for servers of one desk that don't share its folder: 32 bytes in base64url."""


class Sealer:
    """The seal of a desk: all processes that have its key open what one has sealed."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes in base64url. Raises ValueError for anything else."""
        self._fernet = Fernet(key)

    def seal(self, what: str, values: Mapping[str, Any], now_s: int) -> str:
        """The values as a text for a cookie. `what`: the purpose, without which nobody can open
        it; `now_s`: seconds since 1970."""
        content = orjson.dumps({"what": what, "values": dict(values)})
        return self._fernet.encrypt_at_time(content, now_s).decode()

    def opened(self, what: str, text: str | None, now_s: int, ttl_s: int) -> dict[str, Any] | None:
        """The values that were sealed for a purpose at most `ttl_s` seconds ago; None: this isn't
        such a text."""
        if not text:
            return None
        try:
            content = self._fernet.decrypt_at_time(text.encode("ascii"), ttl_s, now_s)
        except (InvalidToken, UnicodeEncodeError):
            return None
        found: dict[str, Any] = orjson.loads(content)
        values: dict[str, Any] | None = found["values"] if found["what"] == what else None
        return values


def sealer_of(folder: Path) -> Sealer:
    """The seal of a desk; its key is made at the first time, in a file that its owner alone may
    read. Raises Unreachable where there can't be one."""
    given = os.environ.get(KEY_VARIABLE)
    try:
        return Sealer(given.encode() if given else _kept_key(folder / KEY_FILE))
    except ValueError as error:
        where = KEY_VARIABLE if given else folder / KEY_FILE
        raise Unreachable(
            f"{where} is no key: it holds 32 bytes in base64url; delete it, and another is made"
        ) from error
    except OSError as error:
        raise Unreachable(f"{folder / KEY_FILE} can't be made: {error.strerror}") from error


def _kept_key(file: Path) -> bytes:
    """The key in the file. It is written beside it and linked to its name, so that of several
    processes that start at once all have the first one's, and none reads half of it."""
    if not file.exists():
        own = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as made:
            made.write(Fernet.generate_key())
            made.flush()
            os.fsync(made.fileno())
        try:
            os.link(own, file)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return file.read_bytes().strip()
