"""The options of a server: where it listens, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8400


@dataclass(frozen=True)
class ServeOptions:
    """The options of `ticketlog serve`. Port 0: the system chooses one."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    largest_body: int = MIB
    """Bytes of a request's body at most, attachments and bulks aside."""
    largest_attachment: int = 64 * MIB
    """Bytes of an attachment at most."""
    receive_timeout_s: float = 30.0
    """Seconds in which a request's body must come; of attachments and bulks, the longest pause."""
    stop_timeout_s: float = 2.5
    """Seconds that requests under way have to end when the server stops."""
    rate: str = "600/minute"
    """Requests of one actor to one route at most, as the library `limits` writes it."""
