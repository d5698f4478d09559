from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE, closed, create, facts, register
from ticketlog import config
from ticketlog.desk import Desk, Outcome, init_desk, open_desk
from ticketlog.domain.base import Actor, Closed, Forbidden, Invalid, NotFound, Stale
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.assignment import Assign, Claim
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.lifecycle import Close, Reopen, Solve
from ticketlog.errors import CommandReused, Conflict, Damaged, Unreachable, Usage
from ticketlog.projections.engine.query import Query
from ticketlog.projections.views import agents, inbox, queue, search, tickets
from ticketlog.projections.views.reports import reports


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Runs `work(0)`, `work(1)`, ... at once; what fails in one fails here."""
    failures: list[BaseException] = []
    together = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            together.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class TestMaking:
    def test_a_new_desk_has_the_default_settings_in_force(self, tmp_path: Path) -> None:
        with init_desk(tmp_path / "new", admin=ANN) as desk:
            assert desk.settings.workflow_of("incident").id == "default"
            made = desk.execute(CreateTicket(subject="Hello"), actor=ANN)
            assert made.events[0].meta.settings == desk.settings.position > 0

    def test_a_desk_is_never_made_over_another_one(self, folder: Path) -> None:
        before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        with pytest.raises(Usage, match="is a desk already"):
            init_desk(folder)
        assert before == {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def test_a_making_that_was_cut_off_is_finished_by_the_next(self, tmp_path: Path) -> None:
        with init_desk(tmp_path / "new") as desk:
            name = desk.log.desk
        (tmp_path / "new" / config.FILE).unlink()
        with init_desk(tmp_path / "new") as desk:
            assert desk.log.desk == name
            assert desk.settings.workflows

    def test_urls_may_name_other_files(self, tmp_path: Path) -> None:
        with init_desk(
            tmp_path / "new", log_url="sqlite:///truth.db", views_url="sqlite:///rows.db"
        ) as desk:
            desk.refresh()
        names = {file.name for file in (tmp_path / "new").iterdir()}
        assert {"truth.db", "truth.settings.db", "truth.access.db", "rows.db", config.FILE} <= names
        open_desk(tmp_path / "new").close()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[log]\nurl = 3\n", "must be a text"),
            ("[log]\npath = 'x'\n", "knows nothing but url"),
            ("[logs]\n", r"unknown section \[logs\]"),
            ("[log\n", "can't be read"),
            ("[log]\nurl = 'postgres://a'\n", "this release knows"),
            ("[log]\nurl = 'kafka://a'\n", "no HOST:PORT"),
        ],
    )
    def test_a_file_that_says_something_else_is_refused(
        self, folder: Path, text: str, said: str
    ) -> None:
        (folder / config.FILE).write_text(text)
        with pytest.raises(Usage, match=said):
            open_desk(folder)

    def test_a_desk_is_found_by_name_by_the_environment_and_upward(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (folder / "deep" / "er").mkdir(parents=True)
        monkeypatch.delenv(config.VARIABLE, raising=False)
        monkeypatch.chdir(folder / "deep" / "er")
        assert config.find() == folder
        monkeypatch.chdir(tmp_path)
        with pytest.raises(Usage, match="no desk at or above"):
            config.find()
        monkeypatch.setenv(config.VARIABLE, str(folder))
        assert config.find() == folder
        with pytest.raises(Usage, match="is no desk"):
            config.find(tmp_path)

    def test_logs_of_two_desks_are_not_one(self, folder: Path, tmp_path: Path) -> None:
        with init_desk(tmp_path / "other"):
            pass
        (tmp_path / "other" / "log.settings.db").replace(folder / "log.settings.db")
        with pytest.raises(Damaged, match="not the logs of one desk"):
            open_desk(folder)

    def test_a_missing_log_is_said_to_be_missing(self, folder: Path) -> None:
        (folder / "log.settings.db").unlink()
        with pytest.raises(Unreachable, match=r"log\.settings\.db"):
            open_desk(folder)

    def test_the_package_gives_the_desk_when_it_is_asked(self) -> None:
        import ticketlog

        assert ticketlog.open_desk is open_desk
        assert ticketlog.Desk is Desk
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = ticketlog.nothing  # type: ignore[attr-defined]


class TestOnce:
    """A command's id: sent twice, done once, answered the same."""

    def test_a_create_meets_itself(self, desk: Desk) -> None:
        command = CreateTicket(subject="VPN drops")
        first = desk.execute(command, actor=ANN, id="c1")
        again = desk.execute(command, actor=ANN, id="c1")
        assert again == first._replace(repeated=True)
        assert len(desk.history(first.stream)) == len(first.events)

    def test_persons_and_organisations_do_too(self, desk: Desk) -> None:
        for command in (RegisterPerson(name="Kim"), RegisterOrganisation(name="Acme")):
            first = desk.execute(command, actor=ANN, id="c1")
            again = desk.execute(command, actor=ANN, id="c1")
            assert again == first._replace(repeated=True)

    def test_a_repeated_command_is_answered_even_when_it_would_be_refused_now(
        self, desk: Desk
    ) -> None:
        ticket = create(desk)
        first = desk.execute(Reply(body="Done?"), on=ticket, actor=ANN, id="r1")
        desk.execute(Solve(), on=ticket, actor=ANN)
        desk.execute(Close(), on=ticket, actor=SUE)
        again = desk.execute(Reply(body="Done?"), on=ticket, actor=ANN, id="r1")
        assert again == first._replace(repeated=True)
        assert again.follow_up_of is None

    def test_and_when_it_would_change_nothing_now(self, desk: Desk) -> None:
        ticket = create(desk)
        first = desk.execute(Tag(add=("vpn",)), on=ticket, actor=ANN, id="t1")
        again = desk.execute(Tag(add=("vpn",)), on=ticket, actor=ANN, id="t1")
        other = desk.execute(Tag(add=("vpn",)), on=ticket, actor=ANN, id="t2")
        assert again == first._replace(repeated=True)
        assert (other.events, other.offset, other.version) == ((), None, first.version)

    def test_the_same_id_for_something_else_is_refused(self, desk: Desk) -> None:
        ticket = create(desk)
        desk.execute(Reply(body="One"), on=ticket, actor=ANN, id="r1")
        before = desk.history(ticket)
        with pytest.raises(CommandReused, match="r1"):
            desk.execute(Reply(body="Two"), on=ticket, actor=ANN, id="r1")
        with pytest.raises(CommandReused, match="r1"):
            desk.execute(Note(body="One"), on=ticket, actor=ANN, id="r1")
        with pytest.raises(CommandReused, match="r1"):
            desk.execute(SetSubject(subject="VPN drops"), on=ticket, actor=ANN, id="r1")
        assert desk.history(ticket) == before

    def test_eight_who_send_one_command_at_once_get_one_answer(self, desk: Desk) -> None:
        answers: list[Outcome] = []
        for number in range(10):
            command = CreateTicket(subject=f"Number {number}")

            def send(_: int, command: CreateTicket = command, id: str = f"c{number}") -> None:
                answers.append(desk.execute(command, actor=ANN, id=id))

            in_threads(8, send)
            first, *others = [answer._replace(repeated=False) for answer in answers]
            assert all(other == first for other in others)
            assert sum(not answer.repeated for answer in answers) == 1
            answers.clear()

    def test_two_desks_on_one_folder_give_one_answer_too(self, desk: Desk, folder: Path) -> None:
        with open_desk(folder) as other:
            ticket = create(desk)
            other.load(f"ticket/{ticket}")
            first = desk.execute(Reply(body="Hello"), on=ticket, actor=ANN, id="r1")
            again = other.execute(Reply(body="Hello"), on=ticket, actor=ANN, id="r1")
            assert again == first._replace(repeated=True)
            with pytest.raises(CommandReused):
                other.execute(Reply(body="Bye"), on=ticket, actor=ANN, id="r1")


class TestCompeting:
    def test_commands_of_many_threads_all_get_through(self, desk: Desk) -> None:
        ticket = create(desk)

        def work(number: int) -> None:
            for turn in range(10):
                desk.execute(Note(body=f"{number}.{turn}"), on=ticket, actor=ANN)

        in_threads(4, work)
        versions = [each.originator_version for each in desk.history(ticket)]
        assert versions == list(range(len(versions)))
        assert len(desk.load(ticket).comments) == 40

    def test_a_sender_who_saw_an_old_version_is_refused_where_it_matters(self, desk: Desk) -> None:
        ticket = create(desk)
        seen = desk.load(ticket).version
        desk.execute(Assign(team="network"), on=ticket, actor=ANN)
        with pytest.raises(Stale, match="version"):
            desk.execute(Assign(team="billing"), on=ticket, actor=BOB, seen=seen)
        done = desk.execute(SetSubject(subject="Wi-Fi"), on=ticket, actor=BOB, seen=seen)
        assert facts(done) == ["ticket.subject-changed.v1"]

    def test_conflicts_without_end_are_given_up(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticket = create(desk)

        def always(commit: object) -> None:
            raise Conflict("somebody else")

        monkeypatch.setattr(desk.log, "append", always)
        with pytest.raises(Conflict, match="same id"):
            desk.execute(Note(body="x"), on=ticket, actor=ANN, id="n1")


class TestExecuting:
    def test_the_record_says_what_the_decision_used(self, desk: Desk) -> None:
        kim = register(desk)
        made = desk.execute(
            CreateTicket(subject="VPN", requester=kim),
            actor=ANN,
            channel="phone",
            source="+49 30 1",
            reason="she called",
            cause="x.0",
            correlation="call-1",
        )
        meta = desk.history(made.stream)[0].meta
        assert made.events[0].meta == meta
        assert (meta.channel, meta.source, meta.reason) == ("phone", "+49 30 1", "she called")
        assert (meta.cause, meta.correlation) == ("x.0", "call-1")
        assert meta.settings == desk.settings.position
        (record,) = desk.log.records(made.partition, made.offset or 0, 1)
        assert f'"reads":{{"person/{kim}":0}}'.encode() in record.data

    def test_a_command_needs_what_it_is_for(self, desk: Desk) -> None:
        ticket = create(desk)
        with pytest.raises(Usage, match="needs the ticket"):
            desk.execute(Note(body="x"), actor=ANN)
        with pytest.raises(Usage, match="is for a ticket"):
            desk.execute(Note(body="x"), on=f"person/{ticket}", actor=ANN)
        with pytest.raises(Usage, match="names no ticket"):
            desk.execute(Note(body="x"), on="ticket/", actor=ANN)
        with pytest.raises(NotFound, match="NOPE"):
            desk.execute(Note(body="x"), on="NOPE", actor=ANN)
        with pytest.raises(Usage, match="names no stream"):
            desk.load("nothing/1")

    def test_a_refused_command_leaves_no_trace(self, desk: Desk) -> None:
        ticket = create(desk)
        before = (desk.history(ticket), desk.log.ends())
        with pytest.raises(Forbidden):
            desk.execute(Assign(team="network"), on=ticket, actor=Actor("KIM", "person"))
        with pytest.raises(Invalid):
            desk.execute(Assign(team="nobody"), on=ticket, actor=ANN)
        assert (desk.history(ticket), desk.log.ends()) == before

    def test_business_time_is_what_a_channel_says_and_never_goes_back(self, desk: Desk) -> None:
        now = desk.load(create(desk)).clock
        soon = now + 250 * 10**6
        made = desk.execute(CreateTicket(subject="x"), actor=ANN, occurred_at=soon)
        noted = desk.execute(Note(body="y"), on=made.stream, actor=ANN, occurred_at=now)
        meta = noted.events[0].meta
        assert (meta.occurred_at, meta.claimed_at) == (soon, now)
        assert meta.recorded_at < soon
        assert desk.history(made.stream)[-1].meta == meta


class TestFollowUps:
    def test_a_reply_to_a_closed_ticket_opens_a_linked_one(self, desk: Desk) -> None:
        kim = register(desk)
        old = closed(desk, requester=kim, product="vpn", fields={"floor": 3}, tags=("vpn",))
        before = desk.history(old)
        made = desk.execute(Reply(body="It is back"), on=old, actor=Actor(kim, "person"), id="r1")
        assert made.follow_up_of == f"ticket/{old}"
        new = desk.load(made.stream)
        assert new.links == (("follow-up-of", f"ticket/{old}"),)
        assert (new.requester, new.product, new.tags) == (kim, "vpn", ("vpn",))
        assert new.fields == {"floor": 3}
        assert new.status_category == "new"
        event = made.events[0].event
        assert isinstance(event, TicketCreated)
        assert event.description == "It is back"
        assert desk.history(old) == before

    def test_sent_twice_it_is_the_same_one(self, desk: Desk) -> None:
        old = closed(desk)
        for command in (Reply(body="It is back"), Reopen(reason="It is back")):
            first = desk.execute(command, on=old, actor=ANN, id=f"f-{command.NAME}")
            desk.settings_apply("[products.other]\n", actor=SUE)
            again = desk.execute(command, on=old, actor=ANN, id=f"f-{command.NAME}")
            assert again == first._replace(repeated=True)
        with pytest.raises(CommandReused):
            desk.execute(Reply(body="Something else"), on=old, actor=ANN, id="f-ticket.reply")

    def test_what_the_settings_no_longer_know_is_left_behind(self, desk: Desk) -> None:
        old = closed(desk, product="vpn", team="billing", fields={"floor": 3})
        left = "[teams.network]\n[agents.ann]\nteams=['network']\n[products.mail]\n[fields]\n"
        desk.settings_apply(left, actor=SUE)
        made = desk.execute(Reply(body="Again"), on=old, actor=ANN)
        new = desk.load(made.stream)
        assert (new.product, new.team, new.fields) == (None, None, {})

    def test_other_commands_and_automated_replies_are_refused(self, desk: Desk) -> None:
        old = closed(desk)
        ends = desk.log.ends()
        with pytest.raises(Closed):
            desk.execute(Claim(), on=old, actor=ANN)
        with pytest.raises(Closed):
            desk.execute(Reply(body="Out of office", automated=True), on=old, actor=ANN)
        assert desk.log.ends() == ends


class TestRedacting:
    def test_what_was_redacted_never_comes_out_again(self, desk: Desk) -> None:
        ticket = create(desk, description="the secret is 1")
        made = desk.history(ticket)[0]
        said = desk.execute(Reply(body="the secret is 2"), on=ticket, actor=ANN)
        file = desk.attach_file(ticket, b"the secret is 3", name="secret-4.txt", actor=ANN)
        cut = desk.cut()
        for event in (made.id, said.events[0].id, file.events[0].id):
            desk.execute(Redact(target=event, reason="a password"), on=ticket, actor=SUE)
        told = [
            repr(desk.history(ticket)),
            repr(list(desk.subscribe(follow=False))),
            repr(desk.at(position=cut).history(ticket)),
            repr(desk.query(search.Search(words="secret"))),
            repr(desk.at(position=cut).query(search.Search(words="secret"))),
        ]
        assert not [text for text in told if "secret" in text]
        assert "ticket.redacted.v1" in [each.event.NAME for each in desk.history(ticket)]
        with pytest.raises(NotFound, match="redacted"):
            desk.attachment(ticket, file.events[0].id)


class TestAttachments:
    def test_a_file_is_kept_once_and_given_back(self, desk: Desk, tmp_path: Path) -> None:
        ticket = create(desk)
        (tmp_path / "shot.png").write_bytes(b"pixels")
        first = desk.attach_file(ticket, tmp_path / "shot.png", actor=ANN, id="a1")
        again = desk.attach_file(ticket, tmp_path / "shot.png", actor=ANN, id="a1")
        assert again == first._replace(repeated=True)
        event, content = desk.attachment(ticket, first.events[0].id)
        with content:
            assert content.read() == b"pixels"
        assert (event.name, event.media_type, event.size) == ("shot.png", "image/png", 6)
        kept = [file for file in (desk.folder / "attachments").rglob("*") if file.is_file()]
        assert len(kept) == 1

    def test_what_cannot_be_attached_changes_nothing(self, desk: Desk, tmp_path: Path) -> None:
        ticket = create(desk)
        before = desk.history(ticket)
        with pytest.raises(Usage, match="can't be read"):
            desk.attach_file(ticket, tmp_path / "missing", actor=ANN)
        with pytest.raises(Usage, match="can't be read"):
            desk.attach_file(ticket, tmp_path, actor=ANN)
        with pytest.raises(NotFound):
            desk.attach_file("NOPE", b"x", actor=ANN)
        with pytest.raises(NotFound, match="has no attachment"):
            desk.attachment(ticket, "x.0")
        assert desk.history(ticket) == before
        assert not (desk.folder / "attachments").exists()

    def test_a_changed_or_missing_file_is_damage(self, desk: Desk) -> None:
        ticket = create(desk)
        id = desk.attach_file(ticket, b"pixels", actor=ANN).events[0].id
        (kept,) = [file for file in (desk.folder / "attachments").rglob("*") if file.is_file()]
        kept.write_bytes(b"others")
        with pytest.raises(Damaged, match="not what was attached"):
            desk.attachment(ticket, id)
        kept.unlink()
        with pytest.raises(Damaged, match="can't be read"):
            desk.attachment(ticket, id)


class Strange(Query[int]):
    """What no view answers."""


class TestReading:
    def test_a_query_sees_what_was_recorded_before_it(self, desk: Desk) -> None:
        ticket = create(desk, team="network")
        (row,) = desk.query(queue.Queue(team="network")).rows
        assert row["ticket"] == ticket
        desk.execute(Claim(), on=ticket, actor=ANN)
        (row,) = desk.query(queue.Queue(team="network")).rows
        assert row["assignee"] == "ann"
        (load,) = desk.query(agents.AgentLoad(agents=["ann"]))
        assert load["active"] == 1

    def test_what_is_no_query_is_said_to_be_none(self, desk: Desk) -> None:
        with pytest.raises(Usage, match="no query"):
            desk.query(Strange())
        with pytest.raises(Usage, match="flow: there is no dimension 'colour'"):
            desk.query(reports.FlowReport(by=("colour",)))
        with pytest.raises(Usage, match="flow: there is no dimension 'colour'"):
            desk.at(position=desk.cut()).query(reports.FlowReport(by=("colour",)))
        with pytest.raises(Usage, match="flow: colour"):
            desk.report("flow", colour="red")

    def test_the_views_may_be_kept_up_by_a_thread(self, desk: Desk) -> None:
        desk.start()
        desk.start()
        ticket = create(desk)
        desk.refresh()
        assert desk.status().views[0].behind == 0
        assert desk.query(tickets.OneTicket(ticket=ticket))["subject"] == "VPN drops"

    def test_a_moment_by_position_by_time_and_by_business_time(self, desk: Desk) -> None:
        day = 86_400_000_000
        old = desk.load(create(desk)).clock
        made = desk.execute(CreateTicket(subject="Old"), actor=ANN, occurred_at=old - day)
        ticket = made.stream.removeprefix("ticket/")
        cut = desk.cut()
        tagged = desk.execute(Tag(add=("vpn",)), on=ticket, actor=ANN)
        recorded = made.events[0].meta.recorded_at
        before = [
            desk.at(position=cut),
            desk.at(position=str(cut)),
            desk.at(position=f"{made.partition}:{made.offset}"),
            desk.at(recorded=recorded),
            desk.at(occurred=old - day),
            desk.at(occurred=helpdesk_iso(old - day)),
        ]
        for past in before:
            assert past.load(ticket).tags == ()
            assert len(past.history(ticket)) == 1
            assert past.query(tickets.OneTicket(ticket=ticket))["tags"] == []
            rows = past.query(queue.Queue()).rows
            assert ticket in [row["ticket"] for row in rows]
            assert past.query(inbox.Inbox(agent="ann", now=0)) == []
        assert len(before[4].query(queue.Queue()).rows) == 1
        after = desk.at(position=f"{tagged.partition}:{tagged.offset}")
        assert after.load(ticket) == desk.load(ticket)
        assert not desk.at(occurred=0).load(ticket).exists

    def test_settings_of_a_moment(self, desk: Desk) -> None:
        cut = desk.cut()
        desk.settings_apply("[products.phone]\n", actor=SUE)
        assert set(desk.settings.products) == {"phone"}
        assert set(desk.at(position=cut).settings.products) == {"vpn", "mail"}
        assert set(desk.at(occurred=0).settings.products) == {"phone"}

    def test_moments_that_are_none(self, desk: Desk) -> None:
        ends = ",".join("9" * 5 for _ in desk.log.ends())
        for position in ("", "x", "1:2:3", "99:0", "0:99", "1,2/3", f"{ends}/1"):
            with pytest.raises(Usage):
                desk.at(position=position)
        with pytest.raises(Usage, match="no time zone"):
            desk.at(recorded="2026-01-31T09:00:00")
        with pytest.raises(Usage, match="one moment"):
            desk.at()
        with pytest.raises(Usage, match="one moment"):
            desk.at(recorded=1, occurred=1)

    def test_a_report_asked_again_at_its_cut_is_the_same(self, desk: Desk) -> None:
        create(desk, team="network")
        first = desk.report("flow", by=("team",), period="day")
        create(desk, team="billing")
        assert desk.report("flow", by=("team",), period="day")["rows"] != first["rows"]
        again = desk.at(position=first["cut"]).report("flow", by=("team",), period="day")
        assert again == first
        with pytest.raises(Usage, match="no report"):
            desk.report("luck")

    def test_subscribing_from_the_start_and_from_a_position(self, desk: Desk) -> None:
        kim = register(desk)
        ticket = create(desk, requester=kim)
        told = list(desk.subscribe(follow=False))
        assert {each.originator_id for each in told} == {f"person/{kim}", f"ticket/{ticket}"}
        ends = desk.log.ends()
        assert list(desk.subscribe(ends, follow=False)) == []
        noted = desk.execute(Note(body="x"), on=ticket, actor=ANN)
        assert list(desk.subscribe(ends, follow=False)) == list(noted.events)
        at = f"{noted.partition}:{noted.offset}"
        assert list(desk.subscribe(desk.position(at), follow=False)) == list(noted.events)
        for start in ((0,), (-1,) * len(ends)):
            with pytest.raises(Usage, match="no position"):
                list(desk.subscribe(start, follow=False))

    def test_a_follower_is_told_what_comes_until_the_desk_is_closed(self, folder: Path) -> None:
        told: list[str] = []
        ready = threading.Event()
        with open_desk(folder) as desk:
            ticket = create(desk)

            def follow() -> None:
                for recorded in desk.subscribe():
                    told.append(recorded.event.NAME)
                    ready.set()

            follower = threading.Thread(target=follow, daemon=True)
            follower.start()
            assert ready.wait(30)
            ready.clear()
            desk.execute(Note(body="x"), on=ticket, actor=ANN)
            assert ready.wait(30)
        follower.join(30)
        assert not follower.is_alive()
        assert told == ["ticket.created.v1", "ticket.noted.v1"]

    def test_a_follower_is_told_where_nothing_will_come_any_more(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped(*_: object) -> None:
            raise Damaged("tickets 3:7 is missing")

        monkeypatch.setattr(desk.log, "wait", stopped)
        with pytest.raises(Damaged, match="3:7"):
            list(desk.subscribe(desk.log.ends()))

    def test_the_status_says_how_far_everything_is(self, desk: Desk) -> None:
        create(desk)
        status = desk.status()
        assert status.log.records == sum(desk.log.ends())
        assert status.log.void == {}
        assert status.settings.position == desk.settings.position
        assert "none" in status.keyring
        assert {view.view for view in status.views} >= {"tickets", "queue", "search"}
        assert status.log.reachable
        assert status.index.plain() == {"ends": list(desk.log.ends()), "behind": 0}
        assert status.troubles == []

    def test_the_status_says_how_far_each_partition_is(self, desk: Desk) -> None:
        desk.refresh()
        made = desk.execute(CreateTicket(subject="VPN drops"), actor=ANN)
        partitions = desk.status().partitions
        assert [part.partition for part in partitions] == list(range(desk.log.partitions))
        assert [part.end for part in partitions] == list(desk.log.ends())
        assert [part.events for part in partitions if part.events] == [1]
        assert partitions[made.partition].views["queue"].plain() == {
            "position": 1,
            "lag": 1,
            "events": 0,
        }
        desk.refresh()
        for view in desk.status().partitions[made.partition].views.values():
            assert view.plain() == {"position": 2, "lag": 0, "events": 1}

    def test_the_status_says_what_is_wrong_with_the_views(self, desk: Desk) -> None:
        (desk.folder / "views.db").write_bytes(b"no database" * 1000)
        status = desk.status()
        assert status.views == []
        assert "views.db are damaged" in status.troubles[0]
        assert status.log.records == sum(desk.log.ends())


class TestSettings:
    def test_only_differences_are_recorded(self, desk: Desk) -> None:
        before = len(desk.settings_history())
        done = desk.settings_apply(helpdesk.SETTINGS, actor=SUE)
        assert done.streams == ()
        assert len(desk.settings_history()) == before
        done = desk.settings_apply(helpdesk.SETTINGS + "[teams.lab]\n", actor=SUE, reason="new")
        assert done.streams == ("team/lab",)
        set_, activated = desk.settings_history()[-2:]
        assert (set_.meta.reason, set_.meta.actor) == ("new", SUE)
        assert activated.meta.offset == done.position == desk.settings.position

    def test_the_same_command_again_is_done_once(self, desk: Desk) -> None:
        file = helpdesk.SETTINGS + "[teams.lab]\n"
        first = desk.settings_apply(file, actor=SUE, id="s1")
        desk.settings_apply(helpdesk.SETTINGS, actor=SUE)
        again = desk.settings_apply(file, actor=SUE, id="s1")
        assert (again.repeated, again.streams) == (True, ())
        assert "lab" not in desk.settings.teams
        assert first.streams == ("team/lab",)
        with pytest.raises(CommandReused, match="s1"):
            desk.settings_apply(helpdesk.SETTINGS, actor=SUE, id="s1")

    def test_what_another_desk_applied_is_in_force_here(self, desk: Desk, folder: Path) -> None:
        with open_desk(folder) as other:
            other.settings_apply("[products.phone]\n", actor=SUE)
        made = create(desk, product="phone")
        assert desk.load(made).product == "phone"
        with pytest.raises(Invalid):
            create(desk, product="vpn")

    def test_a_batch_that_was_cut_off_is_never_in_force_and_can_be_finished(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = helpdesk.SETTINGS + "[teams.lab]\n[teams.attic]\n"
        append, left = desk._settings.log.append, [1]

        def cut_off(commit: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Unreachable("the disk is full")
            return append(commit)  # type: ignore[arg-type]

        with monkeypatch.context() as broken:
            broken.setattr(desk._settings.log, "append", cut_off)
            with pytest.raises(Unreachable):
                desk.settings_apply(file, actor=SUE, id="s1")
        assert not {"lab", "attic"} & set(desk.settings.teams)
        done = desk.settings_apply(file, actor=SUE, id="s1")
        assert {"lab", "attic"} <= set(desk.settings.teams)
        assert not done.repeated

    def test_two_who_apply_at_once_both_get_through(self, desk: Desk) -> None:
        def apply(number: int) -> None:
            for turn in range(5):
                desk.settings_apply(f"[products.p{number}-{turn}]\n", actor=SUE)

        in_threads(2, apply)
        (last,) = desk.settings.products
        assert last in {"p0-4", "p1-4"}
        assert {"network", "billing"} == set(desk.settings.teams)


class TestFilling:
    CSV = "case,when,what\n1,2026-01-01T09:00:00Z,open\n1,2026-01-01T10:00:00Z,done\n"
    MAPPING = """
    source = "old"
    format = "csv"
    rows = "event"
    [columns]
    case = "case"
    activity = "what"
    [time]
    column = "when"
    [status]
    column = "what"
    [[status.words]]
    status = "open"
    to = "open"
    [[status.words]]
    status = "done"
    to = "solved"
    """

    def test_an_imported_file_is_there_once(self, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / "old.csv").write_text(self.CSV)
        (tmp_path / "old.toml").write_text(self.MAPPING)
        first = desk.import_file(tmp_path / "old.csv", tmp_path / "old.toml")
        again = desk.import_file(tmp_path / "old.csv", tmp_path / "old.toml")
        assert (first.commits, again.commits, again.known) == (2, 0, 2)
        (row,) = desk.query(tickets.Tickets()).rows
        assert row["status"] == "solved"
        then = desk.at(occurred="2026-01-01T09:30:00Z")
        assert then.query(tickets.Tickets()).rows[0]["status"] == "open"

    def test_a_simulation_is_there_once_and_needs_its_own_agents(
        self, tmp_path: Path, desk: Desk
    ) -> None:
        with init_desk(tmp_path / "demo") as demo:
            first = demo.simulate(tickets=20, seed=3)
            again = demo.simulate(tickets=20, seed=3)
            assert first.tickets == 20
            assert (again.commits, again.known) == (0, first.commits)
            assert all(each.same for each in verified(demo))
            with pytest.raises(Conflict, match="simulate in a new desk"):
                demo.simulate(tickets=20, seed=4)


def verified(desk: Desk) -> list[object]:
    desk.refresh()
    return list(desk.views.verify())


def helpdesk_iso(at: int) -> str:
    from ticketlog.domain.base import iso

    return iso(at)


def test_views_are_followed_again_after_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    follow, failed, followed = desk.views.follow, threading.Event(), threading.Event()

    def once(stop: threading.Event) -> None:
        if not failed.is_set():
            failed.set()
            raise Unreachable("the disk is full")
        followed.set()
        follow(stop)

    monkeypatch.setattr(desk.views, "follow", once)
    monkeypatch.setattr("ticketlog.application.supervisor.FIRST_PAUSE_S", 0.0)
    desk.start()
    assert followed.wait(30)
    desk.close()
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 91, "\udcff"])
def test_ids_channels_and_actors_that_a_record_cannot_hold(desk: Desk, text: str) -> None:
    ticket = create(desk)
    ends = desk.log.ends()
    with pytest.raises(Usage, match="printable"):
        desk.execute(Note(body="x"), on=ticket, actor=ANN, id=text)
    with pytest.raises(Usage, match="printable"):
        desk.execute(Note(body="x"), on=ticket, actor=ANN, channel=text)
    with pytest.raises(Usage, match="printable"):
        desk.execute(Note(body="x"), on=ticket, actor=Actor(text, "agent"))
    with pytest.raises(Usage, match="printable"):
        desk.settings_apply("", actor=ANN, id=text)
    assert desk.log.ends() == ends
