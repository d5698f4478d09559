"""Origins: under which address browsers reach the desk, and which requests come from its own pages.

A desk that is served beyond its machine has one public address, and takes no other from anybody:
neither the Host header, which its sender chooses, nor another site says where a browser goes.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

from ticketlog.domain.settings.signing_in import LOOPBACK
from ticketlog.http.options import ServeOptions
from ticketlog.http.problems import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""
_OWN_SITES = frozenset({"same-origin", "none"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """The scheme, the host and the port of a server, as browsers compare them."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _DEFAULT_PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" if default else f"{self.scheme}://{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether nobody on the way can read what goes there."""
        return self.scheme == "https"


def origin_of_url(url: str) -> Origin:
    """The origin of a URL. Raises ValueError for one that has none."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no http address")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Origin(parts.scheme, parts.hostname.lower(), port)


def own_origin(request: Request, options: ServeOptions) -> Origin:
    """The origin under which the desk is asked. Raises Problem 421 where that isn't one of its own:
    a page of another name that leads here could read with the browser's rights."""
    if options.public_url is not None:
        public = origin_of_url(options.public_url)
        if _asked(request, public.scheme) != public:
            raise _misdirected(request, str(public))
        return public
    asked = _asked(request, str(request.scope.get("scheme", "http")))
    if asked is None or asked.host not in {*LOOPBACK, options.host.lower()}:
        raise _misdirected(request, f"http://{options.host}:{options.port}")
    return asked


def _asked(request: Request, scheme: str) -> Origin | None:
    try:
        return origin_of_url(f"{scheme}://{request.headers.get('host', '')}")
    except ValueError:
        return None


def _misdirected(request: Request, where: str) -> Problem:
    host = request.headers.get("host", "")[:100]
    return Problem(421, "misdirected", f"this desk isn't at {host!r}: ask {where}")


def check_same_origin(request: Request, origin: Origin) -> None:
    """Raises Problem 403 for a request that changes something and doesn't come from a page of the
    desk itself: browsers say so by Sec-Fetch-Site, older ones by Origin. Requests with a token
    don't need it, since no browser adds a token by itself."""
    if request.method in SAFE:
        return
    site, said = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = site in _OWN_SITES if site is not None else _is(said, origin)
    if not own:
        raise Problem(
            403,
            "cross-site",
            "this request comes from another site, or from a browser that doesn't say from which "
            f"it comes: send it from a page of {origin}, or with a token",
        )


def _is(said: str | None, origin: Origin) -> bool:
    try:
        return said is not None and origin_of_url(said) == origin
    except ValueError:
        return False


def local_path(given: str | None, otherwise: str) -> str:
    """A path of the desk itself that a browser may be sent to. What could lead elsewhere gives
    `otherwise`."""
    if not given or len(given) > 2_000 or not given.startswith("/") or "\\" in given:
        return otherwise
    if given.startswith("//") or not given.isascii() or not given.isprintable():
        return otherwise
    parts = urlsplit(given)
    return otherwise if parts.scheme or parts.netloc else given
