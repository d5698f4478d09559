"""The options of a server: where it listens, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    wait_timeout_s: float = 5.0
    """Seconds that a read waits for a position at most."""
    stop_timeout_s: float = 2.5
    """Seconds that requests under way have to end when the server stops."""
    public_url: str | None = None
    """The address under which browsers reach the desk, 'https://desk.example.com'; None: that of
    this machine alone."""
    tls_certificate: Path | None = None
    """A file with the server's certificate and those that lead to it, in PEM."""
    tls_key: Path | None = None
    """The file of its key."""
    behind_proxy: bool = False
    """A proxy in front of the server does TLS."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """The addresses from which a proxy's word for the client's address is taken."""
    rate: str = "6000/minute"
    """Requests of one actor to one route at most, as the library `limits` writes it."""
    stranger_rate: str = "120/minute"
    """Requests from one address that nobody has signed in for, at most."""
    head_timeout_s: float = 15.0
    """Seconds in which a request's line and headers must come."""
    most_connections: int = 4_000
    """Connections at most; further ones are told to come again."""
    largest_page: int = 1_000
    """Rows of a page at most."""
