"""The log of access: what it records before an answer goes out, who reads it, and how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpdesk import ANN, BOB, SUE, create, register
from ticketlog.application import access_log
from ticketlog.application.access_log import AUDIT, MOST_STREAMS, NOBODY, AccessLog, operator
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.accounts.access_record import AccessExported, AccessRead, AccessRefused
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.accounts.token import CreateToken, RevokeToken
from ticketlog.domain.base import Actor, Forbidden, NotFound, Recorded
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Unreachable, Usage
from ticketlog.log.commit import Json

AUDITOR = Actor("aud", "agent")
DAY = 86_400 * 1_000_000
"""Microseconds."""
T1, T2 = "ticket/AAAAAAAAAAAA", "ticket/BBBBBBBBBBBB"
READ, REFUSED, EXPORTED = AccessRead.NAME, AccessRefused.NAME, AccessExported.NAME


@pytest.fixture
def audited(desk: Desk) -> Desk:
    """The help desk with an auditor, who is nothing else."""
    settings = """
    [agents.ann]
    teams = ["network", "billing"]
    [agents.bob]
    teams = ["billing"]
    [agents.sue]
    roles = ["agent", "supervisor", "admin"]
    [agents.aud]
    roles = ["auditor"]
    """
    desk.settings_apply(settings, actor=SUE)
    return desk


def kept(desk: Desk, **asked: Any) -> list[Recorded]:
    """What an auditor finds, without what auditors did themselves; the latest first."""
    found = desk.access_log.entries(actor=AUDITOR, **asked).entries
    return [each for each in found if getattr(each.event, "what", "") != AUDIT]


def records(desk: Desk) -> list[Json]:
    """The records of the log of access as they are stored, without its genesis."""
    lines = map(orjson.loads, desk.log_export())
    return [orjson.loads(line["record"]) for line in lines if line.get("log") == "access"][1:]


class TestWhatIsRecorded:
    def test_a_refusal_tells_who_was_refused_what_and_why(self, audited: Desk) -> None:
        refusal = NotFound("there is no such ticket")
        asked = {"body": "hello", "n": 3}

        audited.access_log.refused(
            *(ANN, "ticket.reply", refusal), on=[T1], asked=asked, address="192.0.2.7", channel="x"
        )

        [found] = kept(audited)
        assert found.event == AccessRefused(
            what="ticket.reply",
            on=(T1,),
            data_subject="agent/ann",
            asked='{"body":"hello","n":3}',
            address="192.0.2.7",
            code="not-found",
            why="there is no such ticket",
        )
        assert (found.meta.actor, found.meta.channel) == (ANN, "x")

    def test_one_refusal_may_stand_for_many(self, audited: Desk) -> None:
        audited.access_log.refused(NOBODY, "login", "wrong", code="wrong-token", times=500)
        [found] = kept(audited)
        assert isinstance(found.event, AccessRefused)
        assert (found.event.times, found.event.code) == (500, "wrong-token")

    def test_a_list_of_fifty_restricted_tickets_is_one_record(self, audited: Desk) -> None:
        tickets = [f"ticket/T{number}" for number in range(50)]
        audited.access_log.read(AUDITOR, "query:queue", on=[*tickets, *tickets])
        [found] = kept(audited)
        assert isinstance(found.event, AccessRead)
        assert found.event.on == tuple(tickets)

    def test_a_read_of_nothing_restricted_is_no_access(self, audited: Desk) -> None:
        audited.access_log.read(AUDITOR, "query:queue", on=[])
        assert kept(audited) == []

    def test_more_streams_than_a_record_holds_are_told_in_several(self, audited: Desk) -> None:
        tickets = [f"ticket/T{number}" for number in range(MOST_STREAMS + 1)]
        audited.access_log.exported(ANN, "export", cut="1,2/3", on=tickets)
        last, first = kept(audited)
        assert isinstance(first.event, AccessExported)
        assert isinstance(last.event, AccessExported)
        assert (*first.event.on, *last.event.on) == tuple(tickets)
        assert last.meta.correlation == first.meta.commit

    def test_without_an_actor_it_is_the_operator(self, audited: Desk) -> None:
        audited.access_log.exported(None, "log.export", cut="1/1")
        [found] = kept(audited)
        assert found.meta.actor == operator()
        assert (found.meta.actor.role, found.meta.actor.authenticated) == ("operator", "local")

    @pytest.mark.parametrize("junk", ["a\nb\0c", "\ud800", "x" * 5000, "", " \u202e"])
    def test_whatever_somebody_sends_can_be_recorded(self, audited: Desk, junk: str) -> None:
        given: dict[str, Any] = {"asked": {"x": junk}, "address": junk, "on": [f"ticket/{junk}"]}
        audited.access_log.refused(ANN, junk, junk, **given)
        [found] = kept(audited)
        assert found.meta.actor == ANN

    def test_parameters_that_are_too_long_are_cut(self, audited: Desk) -> None:
        audited.access_log.exported(ANN, "export", asked={"text": "y" * 900_000})
        [found] = kept(audited)
        assert isinstance(found.event, AccessExported)
        assert found.event.asked is not None
        assert found.event.asked.endswith("y…")

    def test_personal_values_are_wrapped_in_the_record(self, audited: Desk) -> None:
        audited.access_log.exported(ANN, "export", asked={"text": "Kim"}, address="192.0.2.7")
        [event] = records(audited)[-1]["events"]
        for name in ("asked", "address"):
            assert event["data"][name]["subject"] == "agent/ann"
            assert event["data"][name]["alg"] == "none"

    def test_it_outlives_the_process(self, audited: Desk, folder: Path) -> None:
        audited.access_log.read(BOB, "query:queue", on=[T1])
        audited.close()
        with open_desk(folder) as again:
            assert [each.meta.actor for each in kept(again)] == [BOB]

    def test_it_stands_in_an_export_and_comes_back(self, audited: Desk, tmp_path: Path) -> None:
        from ticketlog.desk import restore_desk

        audited.access_log.read(BOB, "query:queue", on=[T1])
        with restore_desk(tmp_path / "copy", list(audited.log_export())) as copy:
            assert records(copy) == records(audited)
            assert [each.meta.actor for each in kept(copy, about=T1)] == [BOB]
            assert copy.log_verify().problems == []


class TestTasks:
    def test_many_tasks_record_at_once(self, audited: Desk) -> None:
        log = audited.access_log

        async def all_at_once() -> None:
            reads = [log.read_async(ANN, "query:x", on=[f"ticket/T{n}"]) for n in range(30)]
            nothing = log.read_async(ANN, "query:x", on=[])
            refused = log.refused_async(BOB, "ticket.reply", "no", on=[T1], times=3)
            exported = log.exported_async(BOB, "export", cut="1/1")
            await asyncio.gather(*reads, nothing, refused, exported)

        asyncio.run(all_at_once())

        found = kept(audited)
        assert len(found) == 32
        assert {each.event.NAME for each in found} == {READ, REFUSED, EXPORTED}

    def test_what_cant_be_recorded_raises(self, audited: Desk) -> None:
        audited._logs.access.close()
        with pytest.raises(Unreachable, match="no answer, since it can't be recorded"):
            asyncio.run(audited.access_log.read_async(ANN, "query:x", on=[T1]))


class TestNoRecordNoAnswer:
    def test_what_cant_be_recorded_raises(self, audited: Desk) -> None:
        audited._logs.access.close()
        for access in (
            lambda: audited.access_log.read(ANN, "query:queue", on=[T1]),
            lambda: audited.access_log.refused(ANN, "ticket.reply", "no"),
            lambda: audited.access_log.exported(ANN, "export"),
            lambda: audited.access_log.entries(actor=AUDITOR),
        ):
            with pytest.raises(Unreachable, match="no answer, since it can't be recorded"):
                access()


class TestWhoReadsIt:
    def test_an_auditor_and_the_operator_do(self, audited: Desk) -> None:
        for reader in (AUDITOR, None, operator()):
            assert audited.access_log.entries(actor=reader).entries

    @pytest.mark.parametrize(
        "reader",
        [
            ANN,
            SUE,
            Actor("sue", "agent", "admin"),
            Actor("mail", "service"),
            Actor("mail", "service", "operator"),
            Actor("root", "service", "operator", authenticated="token:1"),
            Actor("stranger", "agent"),
            Actor("ann", "agent", "auditor"),
            Actor("X", "person"),
        ],
        ids=str,
    )
    def test_nobody_else_does_and_their_attempt_is_recorded(
        self, audited: Desk, reader: Actor
    ) -> None:
        with pytest.raises(Forbidden):
            audited.access_log.entries(about=T1, actor=reader)
        tried = audited.access_log.entries(types=[REFUSED], actor=AUDITOR).entries
        assert [(each.meta.actor, each.event.what) for each in tried] == [(reader, AUDIT)]  # type: ignore[attr-defined]

    def test_to_read_it_is_an_access(self, audited: Desk) -> None:
        audited.access_log.entries(about=T1, actor=AUDITOR)
        [latest, *_] = audited.access_log.entries(actor=AUDITOR).entries
        before = audited.access_log.entries(actor=AUDITOR).entries[2]
        assert isinstance(latest.event, AccessRead)
        assert latest.event.what == AUDIT
        assert isinstance(before.event, AccessRead)
        assert before.event.asked == f'{{"about":["{T1}"]}}'
        assert before.event.on == ()


class TestHowItIsFound:
    @pytest.fixture
    def told(self, audited: Desk) -> Desk:
        log = audited.access_log
        log.read(ANN, "query:queue", on=[T1, T2])
        log.refused(BOB, "ticket.reply", "no", on=[T1])
        log.exported(ANN, "export")
        log.read(BOB, "query:ticket", on=[T2])
        return audited

    def test_of_a_ticket_and_of_an_actor(self, told: Desk) -> None:
        assert [each.meta.actor for each in kept(told, about=T1)] == [BOB, ANN]
        assert [each.event.NAME for each in kept(told, about="agent/ann")] == [EXPORTED, READ]
        assert kept(told, about="agent/nobody") == []

    def test_of_whom_somebody_acted_for(self, audited: Desk) -> None:
        audited.access_log.read(ANN._replace(on_behalf_of="KIM"), "query:queue", on=[T1])
        assert [each.meta.actor.id for each in kept(audited, about="person/KIM")] == ["ann"]

    def test_by_kind(self, told: Desk) -> None:
        assert [each.event.NAME for each in kept(told, about=T1, types=[READ])] == [READ]
        assert [each.event.NAME for each in kept(told, types=[EXPORTED])] == [EXPORTED]

    def test_by_time(self, told: Desk) -> None:
        last, *_ = kept(told, about="agent/bob")
        at = last.meta.recorded_at
        assert kept(told, about="agent/bob", since=at)[0] == last
        assert last not in kept(told, about="agent/bob", until=at)
        assert kept(told, about="agent/bob", since=at + 1) == []

    def test_in_pages(self, told: Desk) -> None:
        entries = told.access_log.entries
        first = entries(about="agent/ann", limit=1)
        second = entries(about="agent/ann", limit=1, after=first.next)
        assert [each.event.NAME for each in first.entries] == [EXPORTED]
        assert [each.event.NAME for each in second.entries] == [READ]
        assert second.next is None
        with pytest.raises(Usage, match="is no page"):
            entries(after="tomorrow")

    def test_the_index_may_be_lost(self, told: Desk, folder: Path) -> None:
        before = kept(told, about=T1)
        told.close()
        (folder / "audit.db").unlink()
        with open_desk(folder) as again:
            assert kept(again, about=T1) == before

    def test_an_index_of_another_log_is_made_anew(
        self, told: Desk, folder: Path, tmp_path: Path
    ) -> None:
        with init_desk(tmp_path / "other") as other:
            other.access_log.read(None, "query:queue", on=["ticket/FOREIGN"])
            assert other.access_log.entries(about="ticket/FOREIGN").entries
        expected = kept(told, about=T1)
        told.close()
        (tmp_path / "other" / "audit.db").replace(folder / "audit.db")
        with open_desk(folder) as again:
            assert kept(again, about="ticket/FOREIGN") == []
            assert kept(again, about=T1) == expected

    def test_other_processes_see_it(self, told: Desk, folder: Path) -> None:
        with open_desk(folder) as other:
            assert len(kept(other, about=T1)) == 2
            told.access_log.read(SUE, "query:queue", on=[T1])
            assert kept(other, about=T1)[0].meta.actor == SUE

    def test_an_actor_is_found_under_every_id_that_they_act_as(self, audited: Desk) -> None:
        kim = register(audited)
        assert audited.audited(f"person:{kim}") == (f"person/{kim}",)
        assert audited.audited("agent:ann") == ("agent/ann",)
        ticket = create(audited)
        assert audited.audited(ticket.lower()) == (f"ticket/{ticket}",)
        assert audited.audited(f"ticket/{ticket}") == (f"ticket/{ticket}",)
        with pytest.raises(Usage, match="names nobody"):
            audited.audited("agent:")
        with pytest.raises(NotFound):
            audited.audited("jira:123")


class TestAccounts:
    """Streams of the log of access that take commands."""

    @pytest.fixture
    def create(self) -> CreateToken:
        owner = Owner(actor="agent/ann")
        end = time.time_ns() // 1000 + DAY
        return CreateToken(owner=owner, sha256="0" * 64, label="script", expires_at=end)

    def test_a_command_is_done_once_and_stands_in_the_log_of_access(
        self, audited: Desk, create: CreateToken, folder: Path
    ) -> None:
        before = audited.cut()
        made = audited.execute_account(create, on="token/000000000000", actor=ANN, id="one")
        again = audited.execute_account(create, on="token/000000000000", actor=ANN, id="one")
        assert (made.stream, made.version, again.repeated) == ("token/000000000000", 0, True)
        assert audited.load_account("token/000000000000").exists
        assert not audited.load_account("token/B").exists
        assert audited.cut() == before
        assert "token/000000000000" not in {
            e.originator_id for e in audited.subscribe(follow=False)
        }
        audited.close()
        with open_desk(folder) as later:
            assert [each.id for each in later.load_accounts("token")] == ["000000000000"]
            assert [each.event.NAME for each in later.account_history("token/000000000000")] == [
                "token.created.v1"
            ]

    def test_what_is_decided_may_be_read_from_both_logs(
        self, audited: Desk, create: CreateToken
    ) -> None:
        with pytest.raises(Forbidden, match="is not known"):
            audited.execute_account(
                create, on="token/000000000000", actor=Actor("stranger", "agent")
            )
        with pytest.raises(Forbidden, match="nobody registered them"):
            audited.execute_account(
                create, on="token/000000000000", actor=Actor("NOPERSON", "person")
            )

    def test_commands_and_streams_of_the_other_log_are_refused(
        self, audited: Desk, create: CreateToken
    ) -> None:
        with pytest.raises(Usage, match=r"send it by `Desk\.execute_account`"):
            audited.execute(create, on="token/000000000000", actor=ANN)
        with pytest.raises(Usage, match=r"send it by `Desk\.execute`"):
            audited.execute_account(CreateTicket(subject="x"), actor=ANN)
        with pytest.raises(Usage, match="names no account"):
            audited.load_account("ticket/A")
        with pytest.raises(Usage, match="names no stream"):
            audited.load("token/000000000000")

    def test_what_became_of_an_account_is_found_by_its_owner(
        self, audited: Desk, create: CreateToken
    ) -> None:
        audited.execute_account(create, on="token/000000000000", actor=SUE)
        audited.execute_account(RevokeToken(), on="token/000000000000", actor=SUE)
        for about in ("agent/ann", "agent/sue", "token/000000000000"):
            assert [each.event.NAME for each in kept(audited, about=about)] == [
                "token.revoked.v1",
                "token.created.v1",
            ]


ACTORS = st.sampled_from([ANN, BOB, SUE])
STREAMS = st.lists(st.sampled_from([T1, T2, "ticket/C", "person/P"]), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    from tests import helpdesk

    with open_desk(helpdesk.copy(template, tmp_path_factory.mktemp("access") / "desk")) as desk:
        yield desk


@given(st.lists(st.tuples(ACTORS, STREAMS), max_size=12), st.integers(1, 4))
def test_the_index_finds_exactly_what_a_reading_of_all_would(
    shared: Desk, accesses: list[tuple[Actor, list[str]]], size: int
) -> None:
    for actor, streams in accesses:
        shared.access_log.read(actor, "query:x", on=streams)
    everything = all_pages(shared.access_log, about=(), size=1000)
    for about in (T1, "person/P", "agent/ann", "agent/bob"):
        expected = [each for each in everything if about in named(each)]
        assert all_pages(shared.access_log, about=about, size=size + 20) == expected


def named(recorded: Recorded) -> set[str]:
    event = recorded.event
    assert isinstance(event, AccessRead)
    return {*event.on, f"{recorded.meta.actor.kind}/{recorded.meta.actor.id}"}


def all_pages(log: AccessLog, about: str | tuple[str, ...], size: int) -> list[Recorded]:
    """Everything of a subject, without the reads of the log itself."""
    found: list[Recorded] = []
    after = None
    while True:
        page = log.entries(about=about, limit=size, after=after)
        found += [each for each in page.entries if getattr(each.event, "what", "") != AUDIT]
        after = page.next
        if after is None:
            return found


def test_the_operator_has_a_name_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_login() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(access_log.getpass, "getuser", no_login)
    assert operator().id == "unknown"
