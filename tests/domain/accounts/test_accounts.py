"""Tokens, sessions, login links, passkeys and identities: given what happened, when, then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.given import ADA, ANN, DAY, KIM, MAIL, MINUTE, NOON, SETTINGS, SUE, Story
from ticketlog.domain.accounts import secret
from ticketlog.domain.accounts.identity import (
    IdentityLinked,
    IdentitySignedIn,
    IdentityUnlinked,
    SignInIdentity,
    UnlinkIdentity,
    identity_key,
)
from ticketlog.domain.accounts.login_link import (
    CreateLoginLink,
    LoginLinkCreated,
    LoginLinkUsed,
    UseLoginLink,
)
from ticketlog.domain.accounts.owner import SIGNING_IN, Owner
from ticketlog.domain.accounts.passkey import (
    PasskeyRemoved,
    PasskeyUsed,
    RecordPasskeyUse,
    RegisterPasskey,
    RemovePasskey,
    passkey_key,
)
from ticketlog.domain.accounts.secret import is_secret, key_of_hash, secret_hash
from ticketlog.domain.accounts.session import (
    BeginSession,
    EndSession,
    RecordSessionActivity,
    SessionEnded,
    SessionSeen,
    session_key,
)
from ticketlog.domain.accounts.token import (
    CreateToken,
    RecordTokenUse,
    RevokeToken,
    Token,
    TokenCreated,
    TokenRevoked,
    TokenUsed,
    in_scope,
)
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES
from ticketlog.domain.base import Actor, Forbidden, Invalid, NotFound, Refused
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.model import Agent
from ticketlog.domain.settings.role import Role

HASH = secret_hash("tlk_secret")
ANNS, SUES = Owner(actor="agent/ann"), Owner(actor="agent/sue")
KIMS = Owner(actor="person/KIM")
PERSONS = {
    "person/KIM": Person(id="KIM", version=0),
    "person/LEE": Person(id="LEE", version=1, merged_into="KIM"),
}
ANN_HERE = Actor("ann", "agent", authenticated="local")
ANN_SIGNED_IN = Actor("ann", "agent", authenticated="session:2026-03-02-ABC")
WEEK = 7 * DAY


def create(**values: object) -> CreateToken:
    given = {"owner": ANNS, "sha256": HASH, "label": "export", "expires_at": NOON + WEEK}
    return CreateToken.model_validate({**given, **values})


def begin(owner: Owner = ANNS, idle: int = 8 * 3600) -> BeginSession:
    return BeginSession(
        owner=owner,
        sha256=HASH,
        method="link",
        used="login-link/ABC",
        expires_at=NOON + DAY,
        idle=idle,
    )


def story(kind: str, id: str, **others: object) -> Story:
    return Story(ACCOUNT_AGGREGATES[kind], id, settings=SETTINGS, others={**PERSONS, **others})


def tokens(**others: object) -> Story:
    return story("token", key_of_hash(HASH), **others)


def sessions() -> Story:
    return story("session", session_key(HASH, NOON))


def test_an_agent_creates_a_token_for_themselves() -> None:
    tokens().when(create(), by=ANN_HERE).then(
        TokenCreated(owner=ANNS, sha256=HASH, label="export", expires_at=NOON + WEEK)
    )


def test_a_person_may_too() -> None:
    tokens().when(create(owner=KIMS), by=KIM).then_made(TokenCreated, owner=KIMS)


@pytest.mark.parametrize("owner", [SUES, Owner(actor="service/mail"), KIMS])
def test_a_token_for_another_actor_takes_an_admin(owner: Owner) -> None:
    tokens().when(create(owner=owner), by=ANN_HERE).then_refused(Forbidden, "ann", str(owner))
    known = owner if owner.kind != "service" else Owner(actor="service/email")
    tokens().when(create(owner=known), by=ADA).then_made(TokenCreated, owner=known)


def test_a_service_creates_none_for_itself() -> None:
    mail = Actor("email", "service")
    tokens().when(create(owner=Owner(actor="service/email")), by=mail).then_refused(Forbidden)


@pytest.mark.parametrize(
    ("owner", "refusal"),
    [
        (Owner(actor="agent/rob"), Forbidden),
        (Owner(actor="agent/zoe"), Invalid),
        (Owner(actor="agent/ann", role="admin"), Forbidden),
        (Owner(actor="person/NOBODY"), Invalid),
        (Owner(actor="person/LEE"), Invalid),
        (Owner(actor="service/zoe"), Invalid),
        (Owner(actor="service/email", role="admin"), Forbidden),
        (Owner(actor="person/KIM", role="admin"), Forbidden),
    ],
    ids=str,
)
def test_the_owner_must_be_there(owner: Owner, refusal: type[Refused]) -> None:
    tokens().when(create(owner=owner), by=ADA).then_refused(refusal)


def test_who_acts_in_one_role_creates_no_token_with_more() -> None:
    sue = Actor("sue", "agent", "agent")
    tokens().when(create(owner=SUES), by=sue).then_refused(Forbidden, "agent:sue/agent")
    only_agent = Owner(actor="agent/sue", role="agent")
    tokens().when(create(owner=only_agent), by=sue).then_made(TokenCreated, owner=only_agent)


@pytest.mark.parametrize("expires_at", [NOON, NOON - 1, NOON + 367 * DAY])
def test_a_token_expires_within_a_year(expires_at: int) -> None:
    tokens().when(create(expires_at=expires_at), by=ANN_HERE).then_refused(Invalid, "366 days")


def test_a_stream_is_named_after_its_hash() -> None:
    story("token", "OTHER").when(create(), by=ANN_HERE).then_refused(Invalid, key_of_hash(HASH))
    tokens().given(create(), by=ANN_HERE).when(create(), by=ANN_HERE).then_refused(Invalid)


def test_a_token_creates_none_with_more_or_longer() -> None:
    narrow = Token(
        id="NARROW", version=0, owner=ANNS, scope=("ticket.*", "token.*"), expires_at=NOON + DAY
    )
    by = Actor("ann", "agent", authenticated="token:NARROW")
    given = {"token/NARROW": narrow}
    tokens(**given).when(create(), by=by).then_refused(Forbidden, "ticket.*")
    wider = create(scope=("person.*",))
    tokens(**given).when(wider, by=by).then_refused(Forbidden, "person.*")
    longer = create(scope=("ticket.reply",))
    tokens(**given).when(longer, by=by).then_refused(Forbidden, "lasts longer")
    fit = create(scope=("ticket.reply",), expires_at=NOON + DAY)
    tokens(**given).when(fit, by=by).then_made(TokenCreated, scope=("ticket.reply",))


def test_a_use_is_recorded_once_a_day() -> None:
    used = tokens().given(create(), by=ANN_HERE)
    used.when(RecordTokenUse(), by=SIGNING_IN, after=MINUTE).then(TokenUsed())
    used.when(RecordTokenUse(), by=SIGNING_IN, after=MINUTE).then()
    used.when(RecordTokenUse(), by=SIGNING_IN, after=DAY).then(TokenUsed())


def test_nobody_says_that_a_token_was_used_but_the_desk() -> None:
    tokens().given(create(), by=ANN_HERE).when(RecordTokenUse(), by=ADA).then_refused(Forbidden)


def test_its_owner_and_admins_revoke_a_token_once() -> None:
    made = tokens().given(create(), by=ANN_HERE)
    made.when(RevokeToken(), by=SUE).then_refused(Forbidden, "isn't that of agent sue")
    made.when(RevokeToken(), by=ANN_HERE).then(TokenRevoked())
    made.when(RevokeToken(), by=ADA).then()
    assert made.state.unfit(NOON) == "revoked"
    tokens().when(RevokeToken(), by=ADA).then_refused(NotFound)


@pytest.mark.parametrize(
    ("scope", "right", "has"),
    [
        ((), "ticket.reply", True),
        (("ticket.reply",), "ticket.reply", True),
        (("ticket.reply",), "ticket.reply-all", False),
        (("ticket.*",), "ticket.reply", True),
        (("ticket.*",), "ticket.*", True),
        (("ticket.reply",), "ticket.*", False),
        (("ticket.*",), "*", False),
        (("*",), "query:queue", True),
        (("query:*",), "report:flow", False),
    ],
)
def test_a_scope_names_rights_or_beginnings(scope: tuple[str, ...], right: str, has: bool) -> None:
    assert in_scope(right, scope) is has


def test_a_secret_is_known_by_its_hash() -> None:
    assert is_secret(HASH, "tlk_secret")
    assert not is_secret(HASH, "tlk_secret ")
    assert not is_secret(None, "tlk_secret")
    assert not is_secret(secret_hash(""), "\ud800")


def test_a_session_begins_and_ends() -> None:
    begun = sessions().given(begin(), by=SIGNING_IN)
    assert (begun.state.owner, begun.state.over(NOON)) == (ANNS, None)
    begun.when(EndSession(), by=SUE).then_refused(Forbidden)
    begun.when(EndSession(why="logout"), by=ANN).then(SessionEnded(why="logout"))
    begun.when(EndSession(), by=ADA).then()
    assert begun.state.over(NOON) == "logout"


def test_only_the_desk_begins_a_session_and_for_those_who_are_there() -> None:
    sessions().when(begin(), by=ADA).then_refused(Forbidden)
    sessions().when(begin(Owner(actor="agent/rob")), by=SIGNING_IN).then_refused(Forbidden)
    sessions().when(begin(Owner(actor="person/LEE")), by=SIGNING_IN).then_refused(Invalid, "KIM")
    story("session", "2026-03-02-OTHER").when(begin(), by=SIGNING_IN).then_refused(Invalid)
    sessions().when(begin(), by=SIGNING_IN, at=NOON + 2 * DAY).then_refused(Invalid, "over")


def test_a_session_is_idle_or_expires() -> None:
    state = sessions().given(begin(), by=SIGNING_IN).state
    eight = 8 * 60 * MINUTE
    assert state.over(NOON + eight - 1) is None
    assert state.over(NOON + eight) == "idle"
    assert state.over(NOON + eight, seen_at=NOON + MINUTE) is None
    assert state.over(NOON + DAY, seen_at=NOON + DAY - 1) == "expired"


def test_activity_is_recorded_every_quarter_of_an_hour() -> None:
    seen = sessions().given(begin(), by=SIGNING_IN)
    seen.when(RecordSessionActivity(), by=SIGNING_IN, at=NOON + 14 * MINUTE).then()
    seen.when(RecordSessionActivity(), by=SIGNING_IN, at=NOON + 15 * MINUTE).then(SessionSeen())
    seen.when(RecordSessionActivity(), by=SIGNING_IN, after=9 * 60 * MINUTE).then()


def test_a_login_link_is_made_here_and_used_once() -> None:
    link = story("login-link", key_of_hash(HASH))
    link.when(CreateLoginLink(sha256=HASH), by=ANN_SIGNED_IN).then_refused(Forbidden, "machine")
    link.given(CreateLoginLink(sha256=HASH), by=ANN_HERE)
    link.when(UseLoginLink(), by=ANN_HERE).then_refused(Forbidden)
    link.when(UseLoginLink(), by=SIGNING_IN, at=NOON + 15 * MINUTE - 1).then(LoginLinkUsed())
    link.when(UseLoginLink(), by=SIGNING_IN).then_refused(Refused, "used")


def test_a_login_link_expires_and_is_for_humans() -> None:
    link = story("login-link", key_of_hash(HASH)).given(CreateLoginLink(sha256=HASH), by=ANN_HERE)
    link.when(UseLoginLink(), by=SIGNING_IN, after=15 * MINUTE).then_refused(Refused, "expired")
    new = story("login-link", key_of_hash(HASH))
    new.when(UseLoginLink(), by=SIGNING_IN).then_refused(Refused, "unknown")
    mail = MAIL._replace(authenticated="local")
    new.when(CreateLoginLink(sha256=HASH), by=mail).then_refused(Forbidden)
    rob = Actor("rob", "agent", authenticated="local")
    new.when(CreateLoginLink(sha256=HASH), by=rob).then_refused(Forbidden, "retired")


REGISTER = RegisterPasskey(credential="Y3JlZA", public_key="a2V5", sign_count=3, label="laptop")


def test_a_passkey_is_registered_by_who_has_signed_in() -> None:
    new = story("passkey", passkey_key("Y3JlZA"))
    for how in (None, "token:ABC", "link"):
        by = Actor("ann", "agent", authenticated=how)
        new.when(REGISTER, by=by).then_refused(Forbidden, "signed in")
    new.given(REGISTER, by=ANN_SIGNED_IN)
    assert (new.state.owner, new.state.fit) == (ANNS, True)
    new.when(REGISTER, by=ANN_SIGNED_IN).then_refused(Invalid)
    service = MAIL._replace(authenticated="local")
    story("passkey", passkey_key("Y3JlZA")).when(REGISTER, by=service).then_refused(Forbidden)


def test_a_passkeys_count_grows() -> None:
    key = story("passkey", passkey_key("Y3JlZA")).given(REGISTER, by=ANN_SIGNED_IN)
    key.when(RecordPasskeyUse(sign_count=4), by=SIGNING_IN).then(PasskeyUsed(sign_count=4))
    for count in (4, 3, 0):
        key.when(RecordPasskeyUse(sign_count=count), by=SIGNING_IN).then_refused(Refused, "copied")
    key.when(RemovePasskey(), by=SUE).then_refused(Forbidden)
    key.when(RemovePasskey(), by=ADA).then(PasskeyRemoved())
    key.when(RecordPasskeyUse(sign_count=9), by=SIGNING_IN).then_refused(NotFound)


def test_a_passkey_that_never_counts_is_good() -> None:
    zero = REGISTER.model_copy(update={"sign_count": 0})
    key = story("passkey", passkey_key("Y3JlZA")).given(zero, by=ANN_SIGNED_IN)
    for _ in range(2):
        key.when(RecordPasskeyUse(sign_count=0), by=SIGNING_IN).then(PasskeyUsed(sign_count=0))


def test_an_identity_is_linked_once_and_can_be_unlinked() -> None:
    def sign_in(owner: Owner) -> SignInIdentity:
        return SignInIdentity(
            provider="corp", issuer="https://id.example", subject="1", owner=owner
        )

    user = story("identity", identity_key("https://id.example", "1"))
    user.when(sign_in(ANNS), by=SIGNING_IN).then_made(IdentityLinked, IdentitySignedIn)
    user.when(sign_in(ANNS), by=SIGNING_IN).then(IdentitySignedIn())
    user.when(sign_in(SUES), by=SIGNING_IN).then_made(IdentityLinked, IdentitySignedIn)
    user.when(UnlinkIdentity(), by=ANN_HERE).then_refused(Forbidden)
    user.when(UnlinkIdentity(), by=ADA).then(IdentityUnlinked())
    assert user.state.owner is None
    other = story("identity", "OTHER")
    other.when(sign_in(ANNS), by=SIGNING_IN).then_refused(Invalid)
    other.when(UnlinkIdentity(), by=ADA).then_refused(NotFound)


@pytest.mark.parametrize("kept", [HASH, secret_hash("x"), "f" * 64, None])
def test_secrets_are_compared_in_a_time_that_tells_nothing(
    kept: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every comparison, also with nothing, is of two whole hashes, by the function for that."""
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return hmac_compare(one, other)

    hmac_compare = secret.hmac.compare_digest
    monkeypatch.setattr(secret.hmac, "compare_digest", compare)
    assert secret.is_secret(kept, "tlk_secret") is (kept == HASH)
    assert compared == [(64, 64)]


@pytest.mark.parametrize("role", ["light-agent", "auditor", "guest", "of-its-own"])
def test_every_role_of_agents_signs_in_and_out(role: str) -> None:
    roles = {"guest": Role(id="guest", commands=("ticket.note",))}
    agents = {**SETTINGS.agents, "zoe": Agent(id="zoe", roles=(role,))}
    settings = replace(SETTINGS, agents=agents, roles=roles)
    here = Actor("zoe", "agent", authenticated="local")
    zoes = Owner(actor="agent/zoe")

    def of_zoe(kind: str, id: str) -> Story:
        return Story(ACCOUNT_AGGREGATES[kind], id, settings=settings)

    link = of_zoe("login-link", key_of_hash(HASH))
    link.when(CreateLoginLink(sha256=HASH), by=here).then_made(LoginLinkCreated, owner=zoes)
    session = of_zoe("session", session_key(HASH, NOON)).given(begin(zoes), by=SIGNING_IN)
    session.when(EndSession(), by=here).then(SessionEnded(why="revoked"))
    passkey = of_zoe("passkey", passkey_key("Y3JlZA")).given(REGISTER, by=here)
    passkey.when(RemovePasskey(), by=here).then(PasskeyRemoved())
    token = of_zoe("token", key_of_hash(HASH)).when(create(owner=zoes), by=here)
    if role == "guest":
        token.then_refused(Forbidden)
    else:
        token.then_made(TokenCreated, owner=zoes)
