"""Accounts of a desk: tokens, sessions and login links at work, and what the log of access says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ticketlog import commands
from ticketlog.application.accounts import Accounts, NotSignedIn
from ticketlog.application.failed_sign_ins import WINDOW_S
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.accounts.owner import Owner, owner_of
from ticketlog.domain.base import Actor, Forbidden, Invalid, NotFound

ANN = Actor("ann", "agent", authenticated="local")
BOB = Actor("bob", "agent", authenticated="local")
ANNS = Owner(actor="agent/ann")
SECOND = 1_000_000
HOUR = 3600 * SECOND
SETTINGS = """
[agents.ann]
roles = ["agent", "admin"]
[agents.bob]
roles = ["agent"]
"""


class Clock:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.now = 1_790_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", admin=ANN) as made:
        made.settings_apply(SETTINGS, actor=ANN)
        config, logs = made.config, made._logs
        yield Desk(config, logs, clock)


@pytest.fixture
def accounts(desk: Desk) -> Iterator[Accounts]:
    made = Accounts(desk)
    yield made
    made.close()


def entries(desk: Desk, name: str) -> list[dict[str, object]]:
    """The events of a name in the log of access, the oldest first."""
    found = desk.access_log.entries(types=(name,), limit=1000).entries
    return [each.event.model_dump() for each in reversed(found)]


def refusals(desk: Desk) -> list[tuple[object, object, object]]:
    found = entries(desk, "access.refused.v1")
    return [(each["what"], each["code"], each["times"] or 1) for each in found]


def test_a_token_names_its_owner(accounts: Accounts) -> None:
    made = accounts.create_token(ANNS, label="export", actor=ANN)
    assert made.secret.startswith("tlk_")
    assert len(made.secret) == len("tlk_") + 43
    actor = accounts.by_token(made.secret)
    assert actor == Actor("ann", "agent", authenticated=f"token:{made.token.id}")


def test_no_file_of_the_desk_holds_a_secret(desk: Desk, accounts: Accounts) -> None:
    token = accounts.create_token(ANNS, label="export", actor=ANN).secret
    link = accounts.create_link(actor=ANN).secret
    cookie = accounts.use_link(link).cookie
    accounts.by_token(token)
    for secret in (token, link, cookie.partition(".")[2]):
        for file in desk.folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_a_use_is_recorded_once_a_day(desk: Desk, accounts: Accounts, clock: Clock) -> None:
    made = accounts.create_token(ANNS, label="export", actor=ANN)
    for _ in range(3):
        accounts.by_token(made.secret)
    assert len(entries(desk, "token.used.v1")) == 1
    clock.now += 24 * HOUR
    accounts.by_token(made.secret)
    assert len(entries(desk, "token.used.v1")) == 2
    assert accounts.tokens(None)[0].used_at == clock.now


def test_a_revoked_token_is_refused_and_that_is_recorded(desk: Desk, accounts: Accounts) -> None:
    made = accounts.create_token(ANNS, label="export", actor=ANN)
    accounts.revoke_token(made.token.id, actor=ANN)
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.by_token(made.secret)
    (event,) = entries(desk, "access.refused.v1")
    assert (event["code"], event["on"]) == ("revoked", (f"token/{made.token.id}",))


def test_an_expired_token_is_refused(desk: Desk, accounts: Accounts, clock: Clock) -> None:
    made = accounts.create_token(ANNS, label="x", actor=ANN, expires_at=clock.now + HOUR)
    clock.now += HOUR
    with pytest.raises(NotSignedIn, match="expired"):
        accounts.by_token(made.secret)
    assert refusals(desk) == [("sign-in:token", "expired", 1)]


@pytest.mark.parametrize("secret", ["", "tlk_", "tlk_" + "A" * 43, "Ω", "\ud800", "A" * 10_000])
def test_what_is_no_token_names_nobody(accounts: Accounts, secret: str) -> None:
    with pytest.raises(NotSignedIn, match="no such token"):
        accounts.by_token(secret)


def test_a_retired_agents_token_and_session_are_good_no_more(
    desk: Desk, accounts: Accounts
) -> None:
    token = accounts.create_token(Owner(actor="agent/bob"), label="x", actor=ANN).secret
    cookie = accounts.use_link(accounts.create_link(actor=BOB).secret).cookie
    assert accounts.by_session(cookie).id == "bob"
    desk.settings_apply(SETTINGS + "retired = true\n", actor=ANN)
    with pytest.raises(NotSignedIn, match="retired"):
        accounts.by_token(token)
    with pytest.raises(NotSignedIn, match="retired"):
        accounts.by_session(cookie)
    assert [each["why"] for each in entries(desk, "session.ended.v1")] == ["owner-gone"]
    desk.settings_apply(SETTINGS, actor=ANN)
    assert accounts.by_token(token).id == "bob"
    with pytest.raises(NotSignedIn, match="over"):
        accounts.by_session(cookie)


def test_a_merged_persons_session_ends(desk: Desk, accounts: Accounts) -> None:
    kim, lee = (
        desk.execute(commands.RegisterPerson(name=name), actor=ANN).stream.partition("/")[2]
        for name in ("Kim", "Lee")
    )
    person = Actor(kim, "person", authenticated="local")
    cookie = accounts.use_link(accounts.create_link(actor=person).secret).cookie
    desk.execute(commands.MergePerson(into=lee), on=f"person/{kim}", actor=ANN)
    with pytest.raises(NotSignedIn, match=f"merged into {lee}"):
        accounts.by_session(cookie)


def test_a_scope_names_rights_that_its_owner_has(accounts: Accounts) -> None:
    with pytest.raises(Invalid, match=r"'ticket.explode' is no right"):
        accounts.create_token(ANNS, label="x", actor=ANN, scope=("ticket.explode",))
    made = accounts.create_token(ANNS, label="x", actor=ANN, scope=("ticket.*", "query:queue"))
    assert made.token.scope == ("ticket.*", "query:queue")


def test_a_tokens_scope_holds_for_commands(desk: Desk, accounts: Accounts) -> None:
    scope = ("ticket.create", "ticket.reply")
    made = accounts.create_token(ANNS, label="x", actor=ANN, scope=scope)
    actor = accounts.by_token(made.secret)
    ticket = desk.execute(commands.CreateTicket(subject="VPN drops"), actor=actor).stream
    with pytest.raises(Forbidden, match=r"has not the right ticket.assign"):
        desk.execute(commands.Assign(assignee="ann"), on=ticket, actor=actor)
    assert not desk.may(actor, commands.Assign, ticket)
    assert desk.may(actor, commands.Reply, ticket)


def test_only_the_own_tokens_are_seen_and_revoked(desk: Desk, accounts: Accounts) -> None:
    anns = accounts.create_token(ANNS, label="x", actor=ANN).token
    bobs = accounts.create_token(owner_of(BOB), label="x", actor=BOB).token
    assert [each.id for each in accounts.tokens(BOB)] == [bobs.id]
    assert {each.id for each in accounts.tokens(ANN)} == {anns.id, bobs.id}
    with pytest.raises(NotFound) as foreign:
        accounts.revoke_token(anns.id, actor=BOB)
    with pytest.raises(NotFound) as absent:
        accounts.revoke_token("ABSENT", actor=BOB)
    assert str(foreign.value).replace(anns.id, "") == str(absent.value).replace("ABSENT", "")


def test_a_link_signs_in_once(desk: Desk, accounts: Accounts) -> None:
    secret = accounts.create_link(actor=ANN).secret
    assert accounts.link(secret) is not None
    begun = accounts.use_link(secret, device="Firefox\non Linux")
    assert (begun.session.owner, begun.session.device) == (ANNS, "Firefox on Linux")
    actor = accounts.by_session(begun.cookie)
    assert actor == Actor("ann", "agent", authenticated=f"session:{begun.session.id}")
    assert accounts.link(secret) is None
    with pytest.raises(NotSignedIn, match="used"):
        accounts.use_link(secret)
    with pytest.raises(NotSignedIn, match="no such"):
        accounts.use_link("another")
    assert [code for _, code, _ in refusals(desk)] == ["used", "unknown"]


def test_a_link_expires(accounts: Accounts, clock: Clock) -> None:
    secret = accounts.create_link(actor=ANN).secret
    clock.now += 15 * 60 * SECOND
    assert accounts.link(secret) is None
    with pytest.raises(NotSignedIn, match="expired"):
        accounts.use_link(secret)


def test_signing_in_anew_ends_the_browsers_session(desk: Desk, accounts: Accounts) -> None:
    first = accounts.use_link(accounts.create_link(actor=BOB).secret).cookie
    second = accounts.use_link(accounts.create_link(actor=ANN).secret, replacing=first).cookie
    assert first != second
    with pytest.raises(NotSignedIn):
        accounts.by_session(first)
    assert accounts.by_session(second).id == "ann"


def test_a_session_is_idle_after_the_settings_time(
    desk: Desk, accounts: Accounts, clock: Clock
) -> None:
    desk.settings_apply(SETTINGS + '[sessions]\nidle = "1h"\nlongest = "3h"\n', actor=ANN)
    cookie = accounts.use_link(accounts.create_link(actor=ANN).secret).cookie
    began = clock.now
    for _ in range(3):
        clock.now += 59 * 60 * SECOND
        accounts.by_session(cookie)
    clock.now = began + 3 * HOUR
    with pytest.raises(NotSignedIn, match="lasted its time"):
        accounts.by_session(cookie)
    cookie = accounts.use_link(accounts.create_link(actor=ANN).secret).cookie
    clock.now += HOUR
    with pytest.raises(NotSignedIn, match="idle"):
        accounts.by_session(cookie)
    assert [each["why"] for each in entries(desk, "session.ended.v1")] == ["expired", "idle"]


def test_activity_outlives_the_process(desk: Desk, accounts: Accounts, clock: Clock) -> None:
    cookie = accounts.use_link(accounts.create_link(actor=ANN).secret).cookie
    clock.now += 7 * HOUR
    accounts.by_session(cookie)
    clock.now += 7 * HOUR
    assert Accounts(desk).by_session(cookie).id == "ann"


def test_sessions_are_listed_and_all_can_be_ended(desk: Desk, accounts: Accounts) -> None:
    cookies = [accounts.use_link(accounts.create_link(actor=BOB).secret).cookie for _ in range(3)]
    accounts.use_link(accounts.create_link(actor=ANN).secret)
    assert len(accounts.sessions(BOB)) == 3
    assert len(accounts.sessions(ANN)) == 4
    one = accounts.sessions(BOB)[0]
    accounts.end_session(one.id, actor=BOB)
    assert len(accounts.sessions(BOB)) == 2
    assert len(accounts.end_sessions(owner_of(BOB), actor=ANN)) == 2
    assert accounts.sessions(BOB) == []
    assert len(accounts.sessions(BOB, all=True)) == 3
    for cookie in cookies:
        with pytest.raises(NotSignedIn):
            accounts.by_session(cookie)
    with pytest.raises(Forbidden):
        accounts.end_sessions(ANNS, actor=BOB)


def test_logging_out_ends_the_session(desk: Desk, accounts: Accounts) -> None:
    cookie = accounts.use_link(accounts.create_link(actor=ANN).secret).cookie
    accounts.log_out(cookie)
    accounts.log_out(cookie)
    accounts.log_out("nothing")
    assert [each["why"] for each in entries(desk, "session.ended.v1")] == ["logout"]


def test_a_flood_of_refusals_is_few_records(desk: Desk, accounts: Accounts, clock: Clock) -> None:
    def attempt() -> None:
        with pytest.raises(NotSignedIn):
            accounts.by_token("tlk_" + "A" * 43)

    for _ in range(50):
        attempt()
    assert refusals(desk) == [("sign-in:token", "unknown", 1)]
    clock.now += WINDOW_S * SECOND
    attempt()
    assert refusals(desk)[1:] == [("sign-in:token", "unknown", 50)]
    attempt()
    accounts.close()
    assert refusals(desk)[2:] == [("sign-in:token", "unknown", 1)]
    assert sum(times for _, _, times in refusals(desk)) == 52


def test_a_token_in_a_url_is_refused_and_recorded(desk: Desk, accounts: Accounts) -> None:
    made = accounts.create_token(ANNS, label="x", actor=ANN)
    with pytest.raises(NotSignedIn, match=f"revoke {made.token.id}"):
        accounts.refuse_token_in_url(made.secret)
    with pytest.raises(NotSignedIn, match="Bearer"):
        accounts.refuse_token_in_url("tlk_" + "A" * 43)
    assert [code for _, code, _ in refusals(desk)] == ["in-url", "in-url"]
