"""Signing in by an identity provider: OpenID Connect, code flow with PKCE, by Authlib.

What a browser has to bring back (state, nonce, the code's verifier, where to go) is in a sealed
cookie of its own; the provider's discovery document and keys are kept for an hour, and its keys are
asked for again where one isn't known.
"""

from __future__ import annotations

import hmac
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError

from ticketlog.application.identity_rules import wanted_claims
from ticketlog.application.outside_secrets import outside_secret
from ticketlog.domain.settings.signing_in import LOOPBACK, IdentityProvider
from ticketlog.errors import Unfit, Unreachable

with warnings.catch_warnings():
    # Authlib 1.9 announces that it will leave httpx, which is a matter of its next release.
    import authlib.deprecate

    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import StarletteOAuth2App

SKEW_S = 60
"""Seconds by which the provider's clock may differ."""
KEPT_S = 3600
"""Seconds for which a provider's discovery document is kept."""
_TIMEOUT_S = 10.0
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""The algorithms of signatures that are taken. With those of shared secrets whoever has this desk's
secret could name anybody, and `none` signs nothing."""
_CODES = {"iss": "wrong-issuer", "aud": "wrong-audience", "azp": "wrong-audience"}


class ProviderRefusal(Exception):
    """An answer of the provider that proves nothing. `code`: the reason, in a word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Departure(NamedTuple):
    """The way to a provider: its address, and what the browser has to bring back."""

    url: str
    kept: dict[str, str]


class ProviderUser(NamedTuple):
    """A user as the provider names them, with all that it says of them."""

    subject: str
    claims: Mapping[str, Any]


class ProviderClients:
    """The clients of a desk's identity providers, for one event loop."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """`folder`: the desk's, for files of secrets; `clock`: seconds."""
        self._folder = folder
        self._clock = clock
        self._clients: dict[str, tuple[IdentityProvider, float, StarletteOAuth2App]] = {}

    async def depart(self, provider: IdentityProvider, redirect_uri: str) -> Departure:
        """The way to the provider, which sends the browser back to `redirect_uri`. Raises
        Unreachable."""
        client = await self._client(provider)
        made = await client.create_authorization_url(redirect_uri)
        kept = {name: made[name] for name in ("state", "nonce", "code_verifier")}
        kept |= {"provider": provider.id, "redirect_uri": redirect_uri}
        return Departure(made["url"], kept)

    async def arrive(
        self, provider: IdentityProvider, given: Mapping[str, str], kept: Mapping[str, str] | None
    ) -> ProviderUser:
        """The user whom the provider sends back. `given`: the parameters of its redirection;
        `kept`: what the browser kept. Raises ProviderRefusal, Unreachable."""
        if kept is None or kept.get("provider") != provider.id:
            raise ProviderRefusal(
                "no-sign-in-under-way",
                "no sign-in is under way in this browser, or it took longer than ten minutes: "
                "begin again at /login",
            )
        if not hmac.compare_digest(kept["state"].encode(), given.get("state", "").encode()):
            raise ProviderRefusal(
                "wrong-state", "this answer belongs to another sign-in: begin again"
            )
        if given.get("iss", provider.issuer) != provider.issuer:
            raise ProviderRefusal("wrong-issuer", "another provider answers than was asked")
        if "error" in given:
            raise ProviderRefusal(
                "provider-refused", f"{_name(provider)} refused: {given['error'][:100]}"
            )
        if not given.get("code"):
            raise ProviderRefusal("no-code", f"{_name(provider)} sent no code: begin again")
        client = await self._client(provider)
        token = await self._token(provider, client, given["code"], kept)
        claims = await self._claims(provider, client, token, kept["nonce"])
        return ProviderUser(str(claims["sub"]), claims)

    def _secret(self, provider: IdentityProvider) -> str | None:
        """This desk's secret with a provider; None: it has none. Raises Unreachable, since users
        can do nothing about it now."""
        try:
            place = provider.secret
            return None if place is None else outside_secret(place, self._folder)
        except Unfit as error:
            raise Unreachable(str(error)) from error

    async def _client(self, provider: IdentityProvider) -> StarletteOAuth2App:
        """The client of a provider, with its discovery document. Raises Unreachable."""
        known = self._clients.get(provider.id)
        if known and known[0] == provider and self._clock() < known[1]:
            return known[2]
        secret = self._secret(provider)
        client = StarletteOAuth2App(
            framework=None,
            name=provider.id,
            client_id=provider.client_id,
            client_secret=secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(provider.asked_scopes),
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_S,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )
        try:
            metadata = await client.load_server_metadata()
        except (httpx.HTTPError, ValueError) as error:
            _silent(provider, error)
        _check_metadata(provider, metadata)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            each for each in offered if each in _ALGORITHMS
        ] or ["RS256"]
        self._clients[provider.id] = (provider, self._clock() + KEPT_S, client)
        return client

    async def _token(
        self,
        provider: IdentityProvider,
        client: StarletteOAuth2App,
        code: str,
        kept: Mapping[str, str],
    ) -> dict[str, Any]:
        try:
            token: dict[str, Any] = await client.fetch_access_token(
                redirect_uri=kept["redirect_uri"], code=code, code_verifier=kept["code_verifier"]
            )
        except AuthlibBaseError as error:
            raise ProviderRefusal(
                "code-refused", f"{_name(provider)} doesn't take its code back: {error.error}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            _silent(provider, error)
        if not isinstance(token.get("id_token"), str):
            raise ProviderRefusal("no-id-token", f"{_name(provider)} doesn't say who you are")
        return token

    async def _claims(
        self,
        provider: IdentityProvider,
        client: StarletteOAuth2App,
        token: dict[str, Any],
        nonce: str,
    ) -> dict[str, Any]:
        """The claims of the identity token, checked; what the rules need besides is asked for."""
        try:
            claims = dict(await self._checked(provider, client, token, nonce))
            if not isinstance(claims.get("sub"), str) or not claims["sub"]:
                raise ProviderRefusal("no-subject", f"{_name(provider)} doesn't say who you are")
            missing = wanted_claims(provider) - claims.keys()
            if missing and client.server_metadata.get("userinfo_endpoint"):
                more = await client.userinfo(token=token)
                if more.get("sub") == claims["sub"]:
                    claims = {**more, **claims}
        except ExpiredTokenError as error:
            raise ProviderRefusal("expired", f"what {_name(provider)} says is too old") from error
        except ClaimError as error:
            code = _CODES.get(error.claim, f"wrong-{error.claim.replace('_', '-')}")
            raise ProviderRefusal(
                code, f"what {_name(provider)} says isn't for this sign-in ({error.claim})"
            ) from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefusal(
                "bad-signature", f"what {_name(provider)} says isn't signed as it should be"
            ) from error
        except httpx.HTTPError as error:
            _silent(provider, error)
        return claims

    async def _checked(
        self,
        provider: IdentityProvider,
        client: StarletteOAuth2App,
        token: dict[str, Any],
        nonce: str,
    ) -> Mapping[str, Any]:
        options = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
        }
        given: dict[str, Any] = {"nonce": nonce, "leeway": SKEW_S, "claims_options": options}
        try:
            claims: Mapping[str, Any] = await client.parse_id_token(token, **given)
        except BadSignatureError:
            # A provider may change its key and name none: its keys of now decide.
            await client.fetch_jwk_set(force=True)
            claims = await client.parse_id_token(token, **given)
        return claims


def _check_metadata(provider: IdentityProvider, metadata: Mapping[str, Any]) -> None:
    """Raises Unreachable for a discovery document of another issuer, or with addresses that
    anybody on the way could answer at."""
    where = f"[identity_providers.{provider.id}]"
    if metadata.get("issuer") != provider.issuer:
        raise Unreachable(
            f"{where} issuer is {provider.issuer}, and what answers there calls itself "
            f"{metadata.get('issuer')}: write it the same"
        )
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        parts = urlsplit(str(metadata.get(name, "")))
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if parts.scheme != "https" and not (local and provider.issuer.startswith("http:")):
            raise Unreachable(f"{where} its {name} is no https address: {metadata.get(name)}")


def _silent(provider: IdentityProvider, error: Exception) -> NoReturn:
    raise Unreachable(
        f"{_name(provider)} doesn't answer as it should ({type(error).__name__}): try again, or "
        "sign in otherwise"
    ) from error


def _name(provider: IdentityProvider) -> str:
    return provider.title or provider.id
