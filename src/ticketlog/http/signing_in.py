"""Signing in, over HTTP: the ways in for browsers, and the accounts of an actor: tokens, sessions,
passkeys."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ticketlog.application.accounts import Accounts, BegunSession, NotSignedIn
from ticketlog.application.failed_sign_ins import RefusedAttempt
from ticketlog.application.identity_rules import NobodyHere, owner_by_rules
from ticketlog.documents import accounts as documents
from ticketlog.domain.accounts.identity import KIND as IDENTITY
from ticketlog.domain.accounts.identity import SignInIdentity, identity_key
from ticketlog.domain.accounts.owner import owner_of
from ticketlog.domain.accounts.session import KIND as SESSION
from ticketlog.domain.base import Actor, NotFound, Refused, instant
from ticketlog.domain.settings.signing_in import IdentityProvider
from ticketlog.errors import CommandReused, Unreachable, Usage
from ticketlog.http import passkeys
from ticketlog.http.authentication import (
    accounts_of,
    address_of,
    cookie_names,
    drop_session_cookie,
    refuse_token_in_url,
    set_session_cookie,
    unauthenticated,
)
from ticketlog.http.documented import problems_of
from ticketlog.http.oidc import ProviderClients, ProviderRefusal, ProviderUser
from ticketlog.http.origins import Origin, check_same_origin, local_path, own_origin
from ticketlog.http.passkeys import RelyingParty
from ticketlog.http.problems import Problem
from ticketlog.http.sealed import Sealer, sealer_of
from ticketlog.http.served import Served, actor_of
from ticketlog.http.sign_in_pages import (
    link_page,
    refused_page,
    sign_in_page,
    signed_in_page,
    static_file,
)

UNDER_WAY_S = 600
"""Seconds for which a sign-in that was begun may take."""
HOME = "/login"
"""The path where a browser goes on that asked for none."""
_LARGEST_FORM = 8_192
"""Bytes."""
_OIDC, _PASSKEY, _NEW_PASSKEY = "oidc", "passkey", "new-passkey"
_SIGNING_IN: dict[str, Any] = {
    "tags": ["signing in"],
    "openapi_extra": {"security": []},
    "responses": problems_of(413, 415, 421),
}
_READ: dict[str, Any] = {"tags": ["accounts"], "responses": problems_of()}
_WRITE: dict[str, Any] = {"tags": ["accounts"], "responses": problems_of(409, 413, 415, 421)}
_REVOKE: dict[str, Any] = {"tags": ["accounts"], "responses": problems_of(404)}
Signed = Annotated[Actor, Depends(actor_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TokenWanted(_Body):
    """The token that is wanted. `owner`: KIND:ID or KIND:ID/ROLE; by default who asks."""

    label: Annotated[str, Field(min_length=1, max_length=100, examples=["nightly export"])]
    owner: Annotated[str | None, Field(max_length=210, examples=["agent:ann"])] = None
    scope: Annotated[list[str], Field(max_length=100, examples=[["ticket.*", "query:queue"]])] = []
    expires_at: Annotated[str | None, Field(examples=["2027-01-31T09:00:00Z"])] = None


class PasskeyAnswer(_Body):
    """An authenticator's answer, as browsers give it."""

    response: dict[str, Any]
    label: Annotated[str, Field(min_length=1, max_length=100)] = "passkey"


class PasskeySignIn(_Body):
    """An authenticator's answer to sign in with. `return_to`: where the browser wants to go on."""

    response: dict[str, Any]
    return_to: Annotated[str | None, Field(max_length=2_000)] = None


class PasskeyOptions(BaseModel):
    """The options for `navigator.credentials`, bytes in base64url."""

    options: dict[str, Any]


class _SigningIn(NamedTuple):
    """The things that the routes share."""

    served: Served
    accounts: Accounts
    clients: ProviderClients

    @property
    def sealer(self) -> Sealer:
        """The seal of the desk; its key is made when it is first needed. Raises Unreachable."""
        found = self.served.shared.get("sealer")
        if found is None:
            found = self.served.shared["sealer"] = sealer_of(self.served.desk.folder)
        assert isinstance(found, Sealer)
        return found

    def origin(self, request: Request) -> Origin:
        return own_origin(request, self.served.options)

    def refused(self, request: Request, refusal: NotSignedIn) -> Response:
        """The page of a sign-in that came to nothing, which counts for the address that it came
        from: after many, that address waits."""
        self.served.rates.failed(request)
        return refused_page(str(refusal), 403)

    def kept(self, what: str, request: Request, origin: Origin) -> dict[str, Any] | None:
        """The values that this browser carries for a purpose."""
        text = request.cookies.get(cookie_names(origin).under_way)
        return self.sealer.opened(what, text, int(time.time()), UNDER_WAY_S)

    def keep(
        self, what: str, values: Mapping[str, Any], response: Response, origin: Origin
    ) -> None:
        """Has the browser carry something for a purpose."""
        response.set_cookie(
            cookie_names(origin).under_way,
            self.sealer.seal(what, values, int(time.time())),
            max_age=UNDER_WAY_S,
            path="/",
            secure=origin.secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response, origin: Origin) -> None:
        """Has the browser carry nothing more."""
        name = cookie_names(origin).under_way
        response.delete_cookie(name, path="/", secure=origin.secure, httponly=True, samesite="lax")

    def provider(self, id: str) -> IdentityProvider:
        """Raises NotFound for a provider that the settings don't have."""
        found = self.served.desk.settings.identity_providers.get(id)
        if found is None:
            raise NotFound(f"there is no identity provider {id!r}: /login shows the ways in")
        return found


def router(served: Served) -> APIRouter:
    """The routes of signing in."""
    shared = _SigningIn(
        served,
        accounts_of(served),
        ProviderClients(served.desk.folder, time.monotonic),
    )
    routes = APIRouter()
    _add_pages(routes, shared)
    _add_links(routes, shared)
    _add_oidc(routes, shared)
    _add_passkey_sign_in(routes, shared)
    _add_tokens(routes, shared)
    _add_sessions(routes, shared)
    _add_passkeys(routes, shared)
    _add_passkey_registration(routes, shared)
    return routes


def _given(request: Request, origin: Origin) -> dict[str, Any]:
    """The facts of the browser that a new session is told."""
    return {
        "device": request.headers.get("user-agent"),
        "replacing": request.cookies.get(cookie_names(origin).session),
    }


def _begun(begun: BegunSession, origin: Origin, go_to: str) -> Response:
    """The answer to a browser that has signed in by a form or a redirection."""
    response = RedirectResponse(go_to, 303, headers={"Cache-Control": "no-store"})
    set_session_cookie(response, origin, begun)
    return response


def _add_pages(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts

    @routes.get("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        await refuse_token_in_url(served, request)
        origin = shared.origin(request)
        cookie = request.cookies.get(cookie_names(origin).session)
        actor = None if cookie is None else accounts.admit_session(cookie).actor
        if actor is not None:
            return signed_in_page(owner_of(actor))
        providers = served.desk.settings.identity_providers.values()
        return sign_in_page(providers, local_path(request.query_params.get("return_to"), HOME))

    @routes.get("/login/signing-in.js", include_in_schema=False)
    async def script() -> Response:
        return static_file("signing-in.js")

    @routes.get("/login/signing-in.css", include_in_schema=False)
    async def style() -> Response:
        return static_file("signing-in.css")

    @routes.post("/logout", include_in_schema=False)
    async def logout(request: Request) -> Response:
        origin = shared.origin(request)
        check_same_origin(request, origin)
        cookie = request.cookies.get(cookie_names(origin).session)
        if cookie is not None:
            await served.write(accounts.log_out, cookie)
        response = RedirectResponse("/login", 303, headers={"Clear-Site-Data": '"cache"'})
        drop_session_cookie(response, origin)
        return response


def _add_links(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts

    @routes.get("/login/link", include_in_schema=False)
    async def ask(request: Request) -> Response:
        await refuse_token_in_url(served, request)
        shared.origin(request)
        secret = request.query_params.get("key", "")
        link = accounts.link(secret)
        if link is None:
            why = (
                "This login link was used, is older than 15 minutes, or isn't whole: "
                "`ticketlog login-link` prints another"
            )
            return refused_page(why, 403)
        return link_page(link, secret, local_path(request.query_params.get("return_to"), HOME))

    @routes.post("/login/link", include_in_schema=False)
    async def use(request: Request) -> Response:
        origin = shared.origin(request)
        check_same_origin(request, origin)
        served.rates.check_stranger(request)
        form = await _form(request)
        try:
            begun = await served.write(
                accounts.use_link,
                form.get("key", ""),
                address=address_of(request),
                **_given(request, origin),
            )
        except NotSignedIn as refusal:
            return shared.refused(request, refusal)
        return _begun(begun, origin, local_path(form.get("return_to"), HOME))


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Problem 413 for a large one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise Problem(413, "too-large", f"a form has {_LARGEST_FORM} bytes at most")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=20)
    except (UnicodeDecodeError, ValueError):
        raise Problem(400, "unreadable", "the body is no form") from None
    return {name: values[0] for name, values in fields.items()}


def _add_oidc(routes: APIRouter, shared: _SigningIn) -> None:
    served, clients = shared.served, shared.clients

    @routes.get("/login/oidc/{provider}", include_in_schema=False)
    async def depart(request: Request, provider: str) -> Response:
        origin, known = shared.origin(request), shared.provider(provider)
        served.rates.check_stranger(request)
        try:
            departure = await clients.depart(known, f"{origin}/login/oidc/{provider}/callback")
        except Unreachable as error:
            return refused_page(str(error), 503)
        response = RedirectResponse(departure.url, 302, headers={"Cache-Control": "no-store"})
        go_to = local_path(request.query_params.get("return_to"), HOME)
        shared.keep(_OIDC, {**departure.kept, "return_to": go_to}, response, origin)
        return response

    @routes.get("/login/oidc/{provider}/callback", include_in_schema=False)
    async def arrive(request: Request, provider: str) -> Response:
        origin, known = shared.origin(request), shared.provider(provider)
        kept = shared.kept(_OIDC, request, origin)
        served.rates.check_stranger(request)
        try:
            user = await clients.arrive(known, dict(request.query_params), kept)
            assert kept is not None
            given = {**_given(request, origin), "address": address_of(request)}
            begun = await served.write(_sign_in, shared, known, user, kept["state"], given)
            response = _begun(begun, origin, local_path(kept["return_to"], HOME))
        except ProviderRefusal as refusal:
            attempt = RefusedAttempt(
                "oidc", refusal.code, str(refusal), f"identity-provider/{provider}"
            )
            refused = await served.write(shared.accounts.refusal, attempt, address_of(request))
            response = shared.refused(request, refused)
        except NotSignedIn as refusal:
            response = shared.refused(request, refusal)
        except Unreachable as error:
            response = refused_page(str(error), 503)
        shared.forget(response, origin)
        return response


def _sign_in(
    shared: _SigningIn,
    provider: IdentityProvider,
    user: ProviderUser,
    state: str,
    given: dict[str, Any],
) -> BegunSession:
    """The session of a provider's user. The state of a sign-in is good once. Raises NotSignedIn."""
    accounts, address = shared.accounts, given.pop("address")
    where = f"identity-provider/{provider.id}"
    stream = f"{IDENTITY}/{identity_key(provider.issuer, user.subject)}"
    try:
        owner = owner_by_rules(provider, user.subject, user.claims, shared.served.desk)
        command = SignInIdentity(
            provider=provider.id, issuer=provider.issuer, subject=user.subject, owner=owner
        )
        outcome = accounts.send(command, stream, "state", state)
    except NobodyHere as nobody:
        raise accounts.refusal(
            RefusedAttempt("oidc", nobody.code, str(nobody), where), address
        ) from None
    except CommandReused:
        outcome = None
    except (Refused, ValidationError) as refusal:
        raise accounts.refusal(
            RefusedAttempt("oidc", "refused", str(refusal), where), address
        ) from None
    if outcome is None or outcome.repeated:
        why = "this sign-in was used already: begin again"
        raise accounts.refusal(RefusedAttempt("oidc", "replayed", why, where), address)
    return accounts.begin_session(owner, method="oidc", used=stream, **given)


def _party(origin: Origin) -> RelyingParty:
    return RelyingParty(origin.host, str(origin))


def _add_passkey_sign_in(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts

    @routes.post(
        "/login/passkey/options",
        response_model=PasskeyOptions,
        **_SIGNING_IN,
    )
    async def options(request: Request, response: Response) -> Any:
        """The options to sign in with a passkey: a challenge that is good once, for ten minutes,
        in this browser."""
        origin = shared.origin(request)
        check_same_origin(request, origin)
        served.rates.check_stranger(request)
        ceremony = passkeys.signing_in(_party(origin))
        shared.keep(_PASSKEY, {"challenge": ceremony.challenge}, response, origin)
        response.headers["Cache-Control"] = "no-store"
        return PasskeyOptions(options=ceremony.options)

    @routes.post(
        "/login/passkey/verify",
        response_model=documents.SignedIn,
        **_SIGNING_IN,
    )
    async def verify(request: Request, response: Response, body: PasskeySignIn) -> Any:
        """Signs in with an authenticator's answer: the session's cookie comes with it."""
        origin = shared.origin(request)
        check_same_origin(request, origin)
        served.rates.check_stranger(request)
        kept = shared.kept(_PASSKEY, request, origin)
        if kept is None:
            raise unauthenticated("no sign-in is under way in this browser: begin again at /login")
        given = {**_given(request, origin), "address": address_of(request)}
        try:
            begun = await served.write(
                passkeys.signed_in_with,
                body.response,
                kept["challenge"],
                _party(origin),
                accounts,
                **given,
            )
        except NotSignedIn as refusal:
            served.rates.failed(request)
            raise unauthenticated(str(refusal)) from None
        set_session_cookie(response, origin, begun)
        shared.forget(response, origin)
        response.headers["Cache-Control"] = "no-store"
        return documents.signed_in(begun.session, local_path(body.return_to, HOME))


def _add_tokens(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts
    path = "/api/v1/tokens"

    @routes.get(path, response_model=documents.TokenList, **_READ)
    async def tokens(actor: Signed) -> Any:
        """The tokens of the actor; those of everybody for admins and auditors."""
        found = await served.read(accounts.tokens, actor)
        return documents.token_list(found, served.desk.now())

    @routes.post(
        path,
        status_code=201,
        response_model=documents.NewToken,
        **_WRITE,
    )
    async def create(actor: Signed, body: TokenWanted, response: Response) -> Any:
        """Creates a token. Its secret is in this answer, and nowhere else."""
        owner = owner_of(actor) if body.owner is None else owner_of(_named(body.owner))
        made = await served.write(
            accounts.create_token,
            owner,
            actor=actor,
            label=body.label,
            scope=tuple(body.scope),
            expires_at=None if body.expires_at is None else _instant(body.expires_at),
        )
        response.headers["Cache-Control"] = "no-store"
        entry = documents.token_entry(made.token, served.desk.now())
        return documents.NewToken(secret=made.secret, token=entry)

    @routes.delete(
        f"{path}/{{id}}",
        response_model=documents.TokenEntry,
        **_REVOKE,
    )
    async def revoke(actor: Signed, id: str) -> Any:
        """Revokes a token, of the actor or, for an admin, of anybody."""
        revoked = await served.write(accounts.revoke_token, id, actor=actor)
        return documents.token_entry(revoked, served.desk.now())


def _named(written: str) -> Actor:
    """The actor of KIND:ID or KIND:ID/ROLE. Raises Usage."""
    kind, colon, rest = written.partition(":")
    id, _, role = rest.partition("/")
    if kind not in ("agent", "person", "service") or not colon or not id:
        raise Usage(f"owner {written!r} names nobody: write agent:ID, person:ID or service:ID")
    return Actor(id, kind, role or None)  # type: ignore[arg-type]


def _instant(written: str) -> int:
    try:
        return instant(written)
    except ValueError as error:
        raise Usage(f"expires_at: {error}") from None


def _add_sessions(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts
    path = "/api/v1/sessions"

    @routes.get(path, response_model=documents.SessionList, **_READ)
    async def sessions(actor: Signed) -> Any:
        """The sessions of the actor that go on; those of everybody for admins and auditors."""
        found = await served.read(accounts.sessions, actor)
        return documents.session_list(found, served.desk.now(), _current(actor))

    @routes.delete(path, response_model=documents.SessionList, **_REVOKE)
    async def revoke_all(actor: Signed) -> Any:
        """Ends all sessions of the actor, this one, too."""
        ended = await served.write(accounts.end_sessions, owner_of(actor), actor=actor)
        return documents.session_list(ended, served.desk.now(), _current(actor))

    @routes.delete(
        f"{path}/{{id}}",
        response_model=documents.SessionEntry,
        **_REVOKE,
    )
    async def revoke(actor: Signed, id: str) -> Any:
        """Ends a session, of the actor or, for an admin, of anybody."""
        ended = await served.write(accounts.end_session, id, actor=actor)
        return documents.session_entry(ended, served.desk.now(), _current(actor))


def _current(actor: Actor) -> str | None:
    """The session that the actor came with."""
    how, _, id = (actor.authenticated or "").partition(":")
    return id if how == SESSION else None


def _add_passkeys(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts
    path = "/api/v1/passkeys"

    @routes.get(path, response_model=documents.PasskeyList, **_READ)
    async def listed(actor: Signed) -> Any:
        """The passkeys of the actor; those of everybody for admins and auditors."""
        return documents.passkey_list(await served.read(accounts.passkeys, actor))

    @routes.delete(
        f"{path}/{{id}}",
        response_model=documents.PasskeyEntry,
        **_REVOKE,
    )
    async def remove(actor: Signed, id: str) -> Any:
        """Removes a passkey, of the actor or, for an admin, of anybody."""
        return documents.passkey_entry(await served.write(accounts.remove_passkey, id, actor=actor))


def _add_passkey_registration(routes: APIRouter, shared: _SigningIn) -> None:
    served, accounts = shared.served, shared.accounts
    path = "/api/v1/passkeys"

    @routes.post(
        f"{path}/options",
        response_model=PasskeyOptions,
        **_WRITE,
    )
    async def options(request: Request, response: Response, actor: Signed) -> Any:
        """The options to register a passkey: a challenge that is good for ten minutes, in this
        browser."""
        origin, owner = shared.origin(request), owner_of(actor)
        every = await served.read(accounts.passkeys, None)
        known = [each for each in every if each.owner is not None and each.owner.is_of(actor)]
        ceremony = passkeys.registration(owner, known, _party(origin))
        values = {"challenge": ceremony.challenge, "owner": owner.actor}
        shared.keep(_NEW_PASSKEY, values, response, origin)
        response.headers["Cache-Control"] = "no-store"
        return PasskeyOptions(options=ceremony.options)

    @routes.post(
        path,
        status_code=201,
        response_model=documents.PasskeyEntry,
        **_WRITE,
    )
    async def register(
        request: Request, response: Response, actor: Signed, body: PasskeyAnswer
    ) -> Any:
        """Registers the passkey that the browser's authenticator made for the actor."""
        origin = shared.origin(request)
        kept = shared.kept(_NEW_PASSKEY, request, origin)
        if kept is None or kept["owner"] != owner_of(actor).actor:
            raise Refused("no registration is under way in this browser: ask for options first")
        command = passkeys.new_passkey(body.response, kept["challenge"], body.label, _party(origin))
        made = await served.write(accounts.register_passkey, command, actor=actor)
        shared.forget(response, origin)
        return documents.passkey_entry(made)
