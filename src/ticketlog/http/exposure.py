"""Exposure: a desk is served beyond this machine only with TLS and with a way to sign in."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ticketlog.application.outside_secrets import outside_secret
from ticketlog.domain.settings.signing_in import LOOPBACK
from ticketlog.errors import Unfit, Usage
from ticketlog.http.options import ServeOptions
from ticketlog.http.origins import origin_of_url

if TYPE_CHECKING:
    from ticketlog.application.accounts import Accounts
    from ticketlog.desk import Desk

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host that a server listens at."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_options(options: ServeOptions) -> None:
    """Raises Usage, with the reason and the next step, where what goes to and fro could be read on
    the way, or where browsers wouldn't know the desk."""
    _check_tls(options)
    if options.behind_proxy and options.tls_certificate is not None:
        raise Usage("--behind-proxy and --tls-certificate: either the proxy does TLS, or the desk")
    encrypted = options.tls_certificate is not None or options.behind_proxy
    if not is_loopback(options.host) and not encrypted:
        raise Usage(
            f"--host {options.host} is reached from other machines, and tokens and tickets could "
            "be read on the way: give --tls-certificate and --tls-key, or --behind-proxy where a "
            "proxy does TLS; or serve at 127.0.0.1 alone"
        )
    if options.public_url is not None:
        _check_public_url(options.public_url, encrypted)
    elif options.behind_proxy or options.host in _EVERYWHERE:
        why = "behind a proxy" if options.behind_proxy else f"at --host {options.host}"
        raise Usage(
            f"{why} the desk can't know under which address browsers reach it: say it by "
            "--public-url https://desk.example.com"
        )


def _check_tls(options: ServeOptions) -> None:
    certificate, key = options.tls_certificate, options.tls_key
    if (certificate is None) != (key is None):
        raise Usage("--tls-certificate and --tls-key belong together: give both")
    if certificate is None or key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise Usage(
            f"{certificate} and {key} are no certificate and its key, both in PEM: {error}"
        ) from error


def _check_public_url(url: str, encrypted: bool) -> None:
    try:
        origin = origin_of_url(url)
    except ValueError as error:
        raise Usage(f"--public-url: {error}; write it as https://desk.example.com") from error
    if url.rstrip("/") != str(origin):
        raise Usage(f"--public-url {url}: the desk is at the root of a host: {origin}")
    if not origin.secure and (encrypted or not is_loopback(origin.host)):
        raise Usage(f"--public-url {url} must be https: browsers send tokens and cookies there")


def check_ways_in(options: ServeOptions, desk: Desk, accounts: Accounts) -> None:
    """Raises Usage where the desk is served to other machines, and nobody there could sign in."""
    if is_loopback(options.host) and not options.behind_proxy:
        return
    problems: list[str] = []
    if not any(_ways_in(desk, accounts, problems)):
        told = "".join(f" ({each})" for each in problems)
        raise Usage(
            "other machines would reach the desk, and nobody there could sign in: set up an "
            "identity provider ([identity_providers.ID], docs/SIGNING_IN.md), create a token "
            f"(`ticketlog token create`), or register a passkey at 127.0.0.1 first{told}"
        )


def _ways_in(desk: Desk, accounts: Accounts, problems: list[str]) -> Iterator[bool]:
    for provider in desk.settings.identity_providers.values():
        try:
            if provider.secret is not None:
                outside_secret(provider.secret, desk.folder)
            yield True
        except Unfit as error:
            problems.append(f"[identity_providers.{provider.id}]: {error}")
    yield any(each.unfit(desk.now()) is None for each in accounts.tokens(None))
    yield bool(accounts.passkeys(None))
