"""The targets that deliveries may reach: public addresses by https, and what the operator of the
desk allows besides, in `ticketlog.toml`. They are checked when a connection is made, so that no
name that resolves to another address later gets past."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ticketlog.errors import Unfit, Usage

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.ip_network("::/96")
PORTS = {"http": 80, "https": 443}


class AllowedTarget(NamedTuple):
    """An entry of the operator's list: a host by its name, or a network; one port or all. `plain`:
    http is allowed, too."""

    host: str | None
    network: _Network | None
    port: int | None
    plain: bool

    def covers(self, host: str, port: int, address: IPAddress | None) -> bool:
        """Whether the entry names a host, or the address that it stands for."""
        if self.port not in (None, port):
            return False
        if self.host is not None:
            return self.host == _bare(host)
        return address is not None and self.network is not None and address in self.network


def _bare(host: str) -> str:
    return host.rstrip(".").lower()


def allowed_target(text: str) -> AllowedTarget:
    """An entry as it is written: '10.1.2.3', '10.0.0.0/8', 'hooks.internal:8443',
    'http://localhost:9000'. Raises Usage."""
    rest = text.strip()
    plain = rest.startswith("http://")
    rest = rest.removeprefix("http://").removeprefix("https://")
    try:
        return AllowedTarget(None, ipaddress.ip_network(rest), None, plain)
    except ValueError:
        pass
    host, port = _host_and_port(rest, text)
    try:
        return AllowedTarget(None, ipaddress.ip_network(host), port, plain)
    except ValueError:
        pass
    if not host or any(each in host for each in "/@?# "):
        raise Usage(
            f"[webhooks] allow: {text!r} is no target: write a name, an address or a network, such "
            "as 'hooks.internal:8443' or '10.1.0.0/16', with 'http://' where http will do"
        )
    return AllowedTarget(_bare(host), None, port, plain)


def _host_and_port(rest: str, text: str) -> tuple[str, int | None]:
    if rest.startswith("["):
        host, _, behind = rest[1:].partition("]")
        port = behind.removeprefix(":")
    else:
        host, _, port = rest.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise Usage(f"[webhooks] allow: {text!r} has no port that there is")
    return host, int(port)


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public network, whatever older address is wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (address in _NAT64 or address in _COMPATIBLE):
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address in _NAT64_LOCAL or address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_link_local
    )


class TargetRules:
    """The targets that a desk may send to. May be asked from any thread."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Raises Usage for an entry that means nothing."""
        self._allowed = tuple(map(allowed_target, allowed))

    def check_url(self, url: str) -> None:
        """Raises Unfit for an address that is refused as it stands: http that isn't allowed, a
        name, a port or a spelling that means nothing."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Unfit(f"{url} is no address: {error}") from None
        host = parts.hostname or ""
        if parts.scheme not in PORTS or not host or "@" in parts.netloc:
            raise Unfit(f"{url} is no address that is sent to: write https://HOST/PATH")
        if parts.scheme == "http" and not self._plain(host, port or PORTS["http"]):
            raise Unfit(
                f"{url} is not sent to: it should be https. Whoever runs the desk may allow http "
                f"to one target: [webhooks] allow = ['http://{host}'] in ticketlog.toml"
            )

    def admits(self, host: str, address: IPAddress, port: int) -> bool:
        """Whether a connection may be made to the address that a host's name stands for now."""
        if is_public(address):
            return True
        return any(each.covers(host, port, address) for each in self._allowed)

    def _plain(self, host: str, port: int) -> bool:
        try:
            address: IPAddress | None = ipaddress.ip_address(host)
        except ValueError:
            address = None
        return any(each.plain and each.covers(host, port, address) for each in self._allowed)
