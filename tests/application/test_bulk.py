"""Bulks: planned, looked at, run, and taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.access import restricted_desk as made
from tests.domain.ticket.test_taking_back import settled
from tests.helpdesk import ANN, BOB, SUE, closed, create
from ticketlog.application.bulk import Bulks
from ticketlog.desk import Desk, open_desk
from ticketlog.documents.bulks import BulkStatus
from ticketlog.domain import bulk as domain
from ticketlog.domain.base import Command, Forbidden, NotFound, Refused
from ticketlog.domain.bulk import PauseBulk, ResumeBulk, commit_id
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.errors import Usage

TAG = Tag(add=("outage",))


@pytest.fixture
def bulks(desk: Desk) -> Bulks:
    return desk.bulks


def done(desk: Desk, command: Command, ids: list[str], **given: Any) -> BulkStatus:
    """A bulk that was planned and run."""
    planned = desk.bulks.plan(command, ids=ids, actor=SUE)
    return desk.bulks.run(planned.id, actor=SUE, **given)


def skipped(found: BulkStatus) -> dict[str, int]:
    return {each.why: each.tickets for each in found.skipped}


class TestPlanning:
    def test_it_records_the_cut_the_tickets_the_command_and_who(
        self, desk: Desk, bulks: Bulks
    ) -> None:
        ids = [create(desk, team="network") for _ in range(3)]
        create(desk, team="billing")
        cut = str(desk.cut())
        planned = bulks.plan(TAG, where=["team is network"], actor=SUE, reason="The outage")
        found = bulks.show(planned.id, SUE)
        assert (found.cut, found.by, found.tickets) == (cut, "agent:sue", 3)
        assert (found.command, found.values) == ("ticket.tag", {"add": ["outage"]})
        newest_first = "".join(f"{each}\n" for each in reversed(ids))
        assert found.sha256 == hashlib.sha256(newest_first.encode()).hexdigest()
        assert all(desk.load(each).tags == () for each in ids)

    def test_conditions_are_those_of_settings(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk, subject="VPN drops", team="network")
        create(desk, subject="Printer on fire", team="network")
        where = ["team is network", "subject contains vpn"]
        planned = bulks.plan(TAG, where=where, actor=SUE)
        assert [each.ticket for each in bulks.rows(planned.id, SUE)] == [one]
        with pytest.raises(Usage, match="colour"):
            bulks.plan(TAG, where=["colour is red"], actor=SUE)

    def test_ids_are_taken_once_and_unknown_ones_are_told(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk)
        planned = bulks.plan(TAG, ids=[one, one.lower(), f"ticket/{one}", "NONE"], actor=SUE)
        found = bulks.show(planned.id, SUE, unknown=planned.unknown)
        assert (found.tickets, found.unknown) == (1, ["NONE"])

    def test_planned_again_under_the_same_id_it_is_the_same(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk)
        first = bulks.plan(TAG, ids=[one], actor=SUE, id="outage")
        create(desk)
        assert bulks.plan(TAG, ids=[one], actor=SUE, id="outage").id == first.id
        with pytest.raises(Usage, match="another plan"):
            bulks.plan(Tag(add=("other",)), ids=[one], actor=SUE, id="outage")


class TestPreview:
    def test_it_says_what_would_change_and_what_not_and_why(self, desk: Desk, bulks: Bulks) -> None:
        ids = [create(desk), create(desk, tags=("outage",)), closed(desk)]
        planned = bulks.plan(TAG, ids=ids, actor=SUE)
        preview = bulks.show(planned.id, SUE).preview
        assert preview is not None
        assert (preview.changed, preview.unchanged, preview.overtaken) == (1, 1, 0)
        (refused,) = preview.refused
        assert (refused.why, refused.tickets) == ("closed", 1)
        assert refused.said is not None
        assert ids[2] not in refused.said
        (sample,) = preview.samples
        assert (sample.ticket, sample.events) == (ids[0], ["ticket.tags-changed.v1"])
        rows = [(row.ticket, row.outcome) for row in bulks.rows(planned.id, SUE)]
        assert rows == list(zip(ids, ("would-change", "unchanged", "refused"), strict=True))

    def test_it_says_beforehand_what_no_undo_can_reach(self, desk: Desk, bulks: Bulks) -> None:
        ids = [create(desk, assignee="ann", team="network") for _ in range(2)]
        planned = bulks.plan(Reply(body="It works again", status="solved"), ids=ids, actor=SUE)
        preview = bulks.show(planned.id, SUE).preview
        assert preview is not None
        (stays,) = preview.irreversible
        assert (stays.event, stays.tickets) == ("ticket.replied.v1", 2)
        assert "mail that left" in stays.why

    def test_it_is_as_of_the_cut(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk)
        planned = bulks.plan(TAG, ids=[one], actor=SUE)
        desk.execute(TAG, on=one, actor=ANN)
        preview = bulks.show(planned.id, SUE).preview
        assert preview is not None
        assert (preview.changed, preview.overtaken) == (0, 1)


class TestRunning:
    def test_each_ticket_gets_one_commit_of_the_bulk(self, desk: Desk) -> None:
        ids = [create(desk) for _ in range(5)]
        found = done(desk, TAG, ids)
        assert (found.state, found.changed, found.reached) == ("done", 5, 5)
        for each in ids:
            last = desk.history(each)[-1]
            assert last.meta.commit == commit_id(found.bulk, each)
            assert last.meta.correlation == f"bulk/{found.bulk}"
            assert last.meta.cause is not None
            assert (last.meta.channel, last.meta.actor.id) == ("bulk", "sue")

    def test_what_somebody_changed_since_is_skipped_and_listed(
        self, desk: Desk, bulks: Bulks
    ) -> None:
        one, two = create(desk), create(desk)
        planned = bulks.plan(TAG, ids=[one, two], actor=SUE)
        desk.execute(Note(body="I look at it"), on=one, actor=ANN)
        found = bulks.run(planned.id, actor=SUE)
        assert (found.changed, skipped(found)) == (1, {"changed": 1})
        rows = {row.ticket: (row.outcome, row.why) for row in bulks.rows(planned.id, SUE)}
        assert rows == {one: ("skipped", "changed"), two: ("changed", None)}

    def test_unless_it_is_meant_for_these_too(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk)
        planned = bulks.plan(TAG, ids=[one], actor=SUE)
        desk.execute(Note(body="I look at it"), on=one, actor=ANN)
        assert bulks.run(planned.id, actor=SUE, even_if_changed=True).changed == 1

    def test_refused_tickets_are_listed_with_the_reason(self, desk: Desk, bulks: Bulks) -> None:
        one = closed(desk)
        found = done(desk, Reply(body="Hello"), [one])
        assert skipped(found) == {"closed": 1}
        (row,) = bulks.rows(found.bulk, SUE)
        assert row.said is not None
        assert "closed" in row.said
        assert len(desk.history(one)) == 4, "no follow-up came of it"

    def test_it_can_be_paused_and_goes_on_where_it_was(
        self, desk: Desk, bulks: Bulks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(domain, "SLICE", 2)
        ids = [create(desk) for _ in range(5)]
        planned = bulks.plan(TAG, ids=ids, actor=SUE)
        stream = f"bulk/{planned.id}"

        def pause(progress: Any) -> None:
            if progress.reached == 2:
                desk.execute(PauseBulk(), on=stream, actor=SUE)

        paused = bulks.run(planned.id, actor=SUE, on_progress=pause)
        assert (paused.state, paused.changed) == ("paused", 2)
        assert [desk.load(each).tags for each in ids[2:]] == [()] * 3
        desk.execute(ResumeBulk(), on=stream, actor=SUE)
        assert bulks.run(planned.id, actor=SUE).changed == 5
        names = [each.event.NAME for each in desk.history(stream)]
        assert names.count("bulk.paused.v1") == names.count("bulk.resumed.v1") == 1

    def test_the_workers_carry_a_started_bulk_on(self, desk: Desk, bulks: Bulks) -> None:
        one = create(desk)
        planned = bulks.plan(TAG, ids=[one], actor=SUE)
        desk.execute(domain.StartBulk(), on=f"bulk/{planned.id}", actor=SUE)
        (row,) = bulks.listed(SUE, state="running").bulks
        bulks.carry_on(row.bulk)
        assert desk.load(one).tags == ("outage",)

    def test_a_bulk_that_was_never_run_is_not_taken_back(self, desk: Desk, bulks: Bulks) -> None:
        planned = bulks.plan(TAG, ids=[create(desk)], actor=SUE)
        with pytest.raises(Refused, match="never started"):
            bulks.undo(planned.id, actor=SUE)


class TestRights:
    def test_each_ticket_is_by_the_rights_of_who_runs_it(self, desk: Desk, bulks: Bulks) -> None:
        ids = [create(desk, assignee="ann", team="network")]
        desk.execute(Solve(), on=ids[0], actor=ANN)
        planned = bulks.plan(SetStatus(status="closed"), ids=ids, actor=ANN)
        assert skipped(bulks.run(planned.id, actor=ANN)) == {"forbidden": 1}

    def test_a_bulk_is_started_by_who_planned_it_or_leads(self, desk: Desk, bulks: Bulks) -> None:
        planned = bulks.plan(TAG, ids=[create(desk)], actor=ANN)
        with pytest.raises(Forbidden, match="planned by ann"):
            bulks.run(planned.id, actor=BOB)
        assert bulks.run(planned.id, actor=SUE).changed == 1

    def test_an_unknown_bulk_is_told_as_one(self, bulks: Bulks) -> None:
        with pytest.raises(NotFound, match="bulk list"):
            bulks.show("NONE", SUE)


RULES = """
[notifications.all]
position = 1
on = ["solved"]
to = ["requester"]
outbox = "mail"
"""


@pytest.fixture
def notifying(desk: Desk) -> Desk:
    desk.settings_apply(helpdesk.SETTINGS + RULES, actor=SUE)
    return desk


def told(desk: Desk) -> list[tuple[str, tuple[str, ...]]]:
    """The notifications that were decided, by the stream that they stand on."""
    desk.policies(start=(1,) * desk.log.partitions).run_until(desk.now())
    return [
        (each.originator_id.partition("/")[0], each.event.to)
        for each in desk.subscribe(follow=False)
        if isinstance(each.event, NotificationDecided)
    ]


class TestNotices:
    def test_recipients_get_one_digest(self, notifying: Desk) -> None:
        kim, lee = helpdesk.register(notifying), helpdesk.register(notifying, "Lee")
        given = {"team": "network", "assignee": "ann"}
        ids = [create(notifying, requester=each, **given) for each in (kim, kim, lee)]
        assert done(notifying, Solve(), ids).changed == 3
        ((kind, to),) = told(notifying)
        assert kind == "bulk"
        assert set(to) == {f"person/{kim}", f"person/{lee}"}

    def test_or_one_for_each_ticket_where_the_plan_says_so(self, notifying: Desk) -> None:
        kim = helpdesk.register(notifying)
        given = {"team": "network", "assignee": "ann", "requester": kim}
        ids = [create(notifying, **given) for _ in range(2)]
        planned = notifying.bulks.plan(Solve(), ids=ids, actor=SUE, notices=True)
        notifying.bulks.run(planned.id, actor=SUE)
        assert told(notifying) == [("ticket", (f"person/{kim}",))] * 2


CHANGES: list[Command] = [
    TAG,
    Assign(team="billing"),
    Assign(team="network", assignee="ann"),
    Prioritise(priority="urgent", reason="the board waits"),
    Solve(),
    SetStatus(status="pending"),
]
MEANWHILE: list[Command | None] = [
    None,
    None,
    Note(body="I look"),
    Tag(add=("mine",)),
    SetSubject(subject="Mine"),
]


@settings(max_examples=10)
@given(
    command=st.sampled_from(CHANGES),
    lives=st.lists(
        st.tuples(st.lists(st.sampled_from(CHANGES), max_size=3), st.sampled_from(MEANWHILE)),
        min_size=1,
        max_size=5,
    ),
)
def test_undo_leaves_every_untouched_ticket_as_it_was_and_lists_the_rest(
    tmp_path_factory: pytest.TempPathFactory, command: Command, lives: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("bulk") / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        ids, before = [], {}
        for life, _ in lives:
            id = create(desk)
            for each in life:
                _try(desk, each, id)
            ids.append(id)
            before[id] = settled(desk.load(id))
        found = done(desk, command, ids)
        changed = {id for id in ids if settled(desk.load(id)) != before[id]}
        assert found.changed == len(changed)
        touched = set()
        for id, (_, later) in zip(ids, lives, strict=True):
            if later is not None and _try(desk, later, id):
                touched.add(id)
        kept = {id: settled(desk.load(id)) for id in touched & changed}
        undo = desk.bulks.undo(found.bulk, actor=SUE)
        taken = desk.bulks.run(undo.id, actor=SUE)
        for id in ids:
            if id not in touched:
                assert settled(desk.load(id)) == before[id]
        assert {id: settled(desk.load(id)) for id in kept} == kept
        rows = list(desk.bulks.rows(undo.id, SUE))
        assert {row.ticket for row in rows if row.why == "changed"} == set(kept)
        assert taken.changed == len(changed - touched)


def _try(desk: Desk, command: Command, ticket: str) -> bool:
    try:
        return bool(desk.execute(command, on=ticket, actor=SUE).events)
    except Refused:
        return False


def test_an_undo_says_what_stays(desk: Desk, bulks: Bulks) -> None:
    ids = [create(desk, assignee="ann", team="network")]
    found = done(desk, Reply(body="It works again", status="pending"), ids)
    undo = bulks.undo(found.bulk, actor=SUE)
    preview = bulks.show(undo.id, SUE).preview
    assert preview is not None
    assert [each.event for each in preview.irreversible] == ["ticket.replied.v1"]
    assert bulks.run(undo.id, actor=SUE).changed == 1
    assert desk.load(ids[0]).status == "open"


def test_an_undo_is_a_bulk_and_can_be_undone(desk: Desk, bulks: Bulks) -> None:
    ids = [create(desk)]
    first = done(desk, TAG, ids)
    second = bulks.run(bulks.undo(first.bulk, actor=SUE).id, actor=SUE)
    assert (desk.load(ids[0]).tags, second.undoes) == ((), first.bulk)
    bulks.run(bulks.undo(second.bulk, actor=SUE).id, actor=SUE)
    assert desk.load(ids[0]).tags == ("outage",)


def test_the_list_has_bulks_the_latest_first(desk: Desk, bulks: Bulks, tmp_path: Path) -> None:
    one = create(desk)
    ids = [bulks.plan(TAG, ids=[one], actor=SUE).id for _ in range(2)]
    assert {each.bulk for each in bulks.listed(SUE).bulks} == set(ids)


class TestRestricted:
    @pytest.fixture
    def cage(self, tmp_path: Path) -> Iterator[Desk]:
        with made.restricted_desk(tmp_path / "restricted") as desk:
            yield desk

    def test_a_hidden_ticket_is_not_counted_and_answers_as_one_that_is_not_there(
        self, cage: Desk
    ) -> None:
        seen = self.created(cage, "network")
        hidden = self.created(cage, "hr")
        for chosen in ({"where": []}, {"ids": [seen, hidden, "4F7K2M9QABCD"]}):
            planned = cage.bulks.plan(TAG, actor=made.ANN, **chosen)  # type: ignore[arg-type]
            found = cage.bulks.show(planned.id, made.ANN, unknown=planned.unknown)
            assert found.tickets == 1
            assert [row.ticket for row in cage.bulks.rows(planned.id, made.ANN)] == [seen]
            assert found.unknown == ([hidden, "4F7K2M9QABCD"] if "ids" in chosen else [])

    def test_one_that_is_hidden_meanwhile_is_skipped_as_absent(self, cage: Desk) -> None:
        one, two = self.created(cage, "network"), self.created(cage, "network")
        planned = cage.bulks.plan(TAG, ids=[one, two], actor=made.ANN)
        cage.execute(Assign(team="hr"), on=one, actor=made.HAL)
        preview = cage.bulks.show(planned.id, made.ANN).preview
        assert preview is not None
        assert (preview.changed, preview.overtaken) == (1, 0)
        found = cage.bulks.run(planned.id, actor=made.ANN)
        assert (found.changed, skipped(found)) == (1, {"not-found": 1})
        assert cage.load(one).tags == ()

    def test_a_bulk_is_there_for_who_planned_it_and_who_sees_every_ticket(self, cage: Desk) -> None:
        bulk = cage.bulks.plan(TAG, ids=[self.created(cage, "hr")], actor=made.HAL).id
        assert cage.bulks.show(bulk, made.HAL).tickets == 1
        assert cage.bulks.show(bulk, made.AUD).tickets == 1
        for actor in (made.ANN, made.SUE, made.NED):
            with pytest.raises(NotFound) as hidden:
                cage.bulks.show(bulk, actor)
            with pytest.raises(NotFound) as absent:
                cage.bulks.show("NONE", actor)
            assert str(hidden.value).replace(bulk, "NONE") == str(absent.value)
            assert cage.bulks.listed(actor).bulks == []
            with pytest.raises(NotFound):
                cage.execute(PauseBulk(), on=f"bulk/{bulk}", actor=actor)

    @staticmethod
    def created(desk: Desk, team: str) -> str:
        sent = desk.execute(CreateTicket(subject="Printer", team=team), actor=made.HAL)
        return sent.stream.removeprefix("ticket/")
