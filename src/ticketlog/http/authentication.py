"""The actor of a request: by a token (`Authorization: Bearer`), or by the cookie of a session."""

from __future__ import annotations

import re
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application.accounts import Accounts, Admission, BegunSession, NotSignedIn
from ticketlog.domain.accounts.token import PREFIX
from ticketlog.domain.base import Actor
from ticketlog.http.origins import Origin, check_same_origin, own_origin
from ticketlog.http.problems import Problem
from ticketlog.http.served import Authenticate, Served

_IN_URL = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{20,}}")
_BEARER = {"WWW-Authenticate": "Bearer"}


class CookieNames(NamedTuple):
    """The names of the cookies of an origin. By https they have the prefix that binds them to the
    host; by http, which only this machine reaches, not all browsers take that, and the port is in
    the name, since all ports of a machine share their cookies."""

    session: str
    under_way: str
    """Of what a browser carries from one step of signing in to the next."""


def cookie_names(origin: Origin) -> CookieNames:
    """The names of the cookies of an origin."""
    if origin.secure:
        return CookieNames("__Host-ticketlog", "__Host-ticketlog-signing-in")
    return CookieNames(f"ticketlog-{origin.port}", f"ticketlog-signing-in-{origin.port}")


def accounts_of(served: Served) -> Accounts:
    """The accounts of a served desk: one for the server's life."""
    found = served.shared.get("accounts")
    if found is None:
        found = served.shared["accounts"] = Accounts(served.desk)
        served.at_stop.append(lambda: served.write(found.close))
    assert isinstance(found, Accounts)
    return found


def address_of(request: Request) -> str | None:
    """The network address that a request came from."""
    return None if request.client is None else request.client.host


def authenticator(served: Served) -> Authenticate:
    """The authentication of a server: the actor of a request. It raises Problem 401, 403 for a
    request that another site has a browser send, and 421 for a host that isn't the desk's."""
    accounts = accounts_of(served)

    async def admitted(request: Request, admission: Admission) -> Actor:
        actor = admission.settled
        if actor is not None:
            return actor
        try:
            return await served.write(accounts.settle, admission, address_of(request))
        except NotSignedIn as refusal:
            raise unauthenticated(str(refusal)) from None

    async def authenticate(request: Request) -> Actor:
        await refuse_token_in_url(served, request)
        named = request.headers.getlist("authorization")
        if named:
            return await admitted(request, accounts.admit_token(_bearer(named)))
        if not request.headers.get("cookie"):
            raise unauthenticated(_HOW)
        origin = own_origin(request, served.options)
        cookie = request.cookies.get(cookie_names(origin).session)
        if cookie is None:
            raise unauthenticated(_HOW)
        check_same_origin(request, origin)
        return await admitted(request, accounts.admit_session(cookie))

    return authenticate


_HOW = "nobody is signed in: send a token as `Authorization: Bearer tlk_…`, or sign in at /login"


def unauthenticated(detail: str) -> Problem:
    """The answer to a request whose actor isn't known."""
    return Problem(401, "unauthenticated", detail, headers=_BEARER)


def _bearer(named: list[str]) -> str:
    """The token of the header. Raises Problem for another scheme, or for several headers."""
    scheme, _, secret = named[0].partition(" ")
    if len(named) > 1 or scheme.lower() != "bearer" or not secret.strip():
        raise unauthenticated("one `Authorization: Bearer tlk_…` is taken, and nothing else")
    return secret.strip()


async def refuse_token_in_url(served: Served, request: Request) -> None:
    """Raises Problem 401 for a request with a token in its URL, which is recorded."""
    query = request.scope.get("query_string", b"")
    if PREFIX.encode() not in query and PREFIX not in request.url.path:
        return
    found = _IN_URL.search(request.url.path + "?" + query.decode("latin-1"))
    if found is None:
        return
    accounts = accounts_of(served)
    try:
        await served.write(accounts.refuse_token_in_url, found[0], address=address_of(request))
    except NotSignedIn as refusal:
        raise unauthenticated(str(refusal)) from None


def set_session_cookie(response: Response, origin: Origin, begun: BegunSession) -> None:
    """Gives a browser the cookie of a session, which ends with the browser or with the session."""
    response.set_cookie(
        cookie_names(origin).session,
        begun.cookie,
        path="/",
        secure=origin.secure,
        httponly=True,
        samesite="lax",
    )


def drop_session_cookie(response: Response, origin: Origin) -> None:
    """Takes the cookie away from a browser."""
    response.delete_cookie(
        cookie_names(origin).session, path="/", secure=origin.secure, httponly=True, samesite="lax"
    )
