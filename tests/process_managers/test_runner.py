"""A policy sees what is recorded after its start; whatever happens, each command is done once."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, create
from tests.log.commits import a_commit
from tests.process_managers.fakes import Tagger, counted, named, tags
from ticketlog.application.executor import Executor
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.policy_checkpoint import EventParked, PolicyAdvanced
from ticketlog.domain.ticket.classification import Tag, TagsChanged
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import MarkSpam
from ticketlog.errors import Damaged, Unreachable, Usage
from ticketlog.process_managers.live_state import LiveState
from ticketlog.process_managers.runner import PolicyRunner
from ticketlog.process_managers.subscriptions import Subscriptions

FAR = 2**52


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A desk whose clock may be moved as far as one likes."""
    helpdesk.make(tmp_path / "desk", simulation=True)
    return tmp_path / "desk"


def runner(desk: Desk, *policies: Tagger) -> PolicyRunner:
    return desk.policies(policies or [Tagger()], timers=())


def begun(desk: Desk, *policies: Tagger) -> PolicyRunner:
    made = runner(desk, *policies)
    made.run_until(FAR)
    return made


class TestReacting:
    def test_it_begins_where_the_desk_began(self, desk: Desk) -> None:
        before = create(desk)
        begun(desk)
        after = create(desk)
        assert runner(desk).run_until(FAR).done == 1
        assert (tags(desk, before), tags(desk, after)) == (("tagger",), ("tagger",))

    def test_it_begins_where_it_is_told_to(self, desk: Desk) -> None:
        before = create(desk)
        made = desk.policies([Tagger()], timers=(), start=desk.log.ends())
        made.run_until(FAR)
        after = create(desk)
        assert made.run_until(FAR).done == 1
        assert (tags(desk, before), tags(desk, after)) == ((), ("tagger",))
        again = desk.policies([Tagger()], timers=(), start=[1] * desk.log.partitions)
        assert again.run_until(FAR).done == 0, "it has begun: it goes on where it is"

    def test_a_command_names_its_rule_its_policy_and_its_cause(self, desk: Desk) -> None:
        begun(desk)
        made = desk.execute(CreateTicket(subject="VPN drops"), actor=ANN)
        runner(desk).run_until(FAR)
        meta = desk.history(made.stream)[-1].meta
        assert (meta.actor.id, meta.actor.kind) == ("tagger@1", "rule")
        assert (meta.channel, meta.source) == ("policy", "tagger")
        assert meta.cause == made.events[0].id

    def test_several_policies_see_the_same_events(self, desk: Desk) -> None:
        first, second = Tagger("first"), Tagger("second")
        made = begun(desk, first, second)
        ticket = create(desk)
        made.run_until(FAR)
        assert tags(desk, ticket) == ("first", "second")
        third = Tagger("third")
        runner(desk, first, third).run_until(FAR)
        assert third.asked == [ticket], "it begins where the desk began"
        assert tags(desk, ticket) == ("first", "second", "third")

    def test_what_a_rule_refuses_is_left(self, desk: Desk) -> None:
        made = begun(desk)
        ticket = create(desk)
        desk.execute(MarkSpam(), on=ticket, actor=ANN)
        ran = made.run_until(FAR)
        assert (ran.done, ran.refused) == (0, 1)
        assert made.troubles() == []

    def test_a_change_that_is_decided_anew_meanwhile_is_not_overruled(self, desk: Desk) -> None:
        made = begun(desk)
        ticket = create(desk)
        desk.execute(Tag(add=("mine",)), on=ticket, actor=ANN)
        made.run_until(FAR)
        assert tags(desk, ticket) == ("mine", "tagger")

    def test_imported_commits_are_none_of_its_business(self, desk: Desk) -> None:
        made = begun(desk)
        old = Actor("old-desk", "import")
        create = CreateTicket(subject="From before")
        imported = helpdesk.by_the_desk(desk, create, on=None, actor=old)
        assert made.run_until(FAR).done == 0
        assert desk.load(imported.stream).tags == ()

    def test_a_replay_sends_nothing(self, desk: Desk) -> None:
        begun(desk)
        create(desk)
        ends = desk.log.ends()
        desk.views.rebuild()
        desk.views.verify()
        desk.at(recorded=FAR).load(f"ticket/{create(desk)}")
        assert sum(desk.log.ends()) == sum(ends) + 1


class TestProgress:
    def test_it_is_recorded_a_page_at_a_time(self, desk: Desk) -> None:
        made = begun(desk)
        before = len(named(desk, PolicyAdvanced))
        for _ in range(300):
            create(desk)
        assert made.run_until(FAR).done == 300
        assert len(named(desk, PolicyAdvanced)) == before + 1
        assert made.run_until(FAR).done == 0
        assert len(named(desk, PolicyAdvanced)) == before + 1

    def test_status_tells_how_far_it_is(self, desk: Desk) -> None:
        made = begun(desk)
        assert [each.behind for each in made.status()] == [0, 0]
        create(desk)
        said, outbox = made.status()
        assert (said.policy, said.behind) == ("tagger", 1)
        assert (outbox.policy, outbox.positions[0]) == ("outbox", None)
        made.run_until(FAR)
        said = made.status()[0]
        assert said.behind == 0
        assert said.positions == made.positions()

    def test_what_was_sent_and_not_recorded_is_sent_again_and_done_once(self, desk: Desk) -> None:
        begun(desk)
        tickets = [create(desk) for _ in range(20)]
        for _ in range(3):
            made = runner(desk)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Subscriptions, "record", lambda subscriptions, after_s: None)
                made.run_until(FAR)
        policy = Tagger()
        assert runner(desk, policy).run_until(FAR).done == 0
        assert sorted(policy.asked) == sorted(tickets)
        assert len(named(desk, TagsChanged)) == 20

    def test_it_stops_while_it_still_learns_what_there_is(self, desk: Desk) -> None:
        """Of a large desk that takes minutes."""
        for _ in range(20):
            create(desk)
        begun(desk)
        made, stop, learned = runner(desk), threading.Event(), list[str]()

        def learn(live: LiveState, stream: str, *rest: object) -> None:
            learned.append(stream)
            stop.set()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LiveState, "_learn", learn)
            made.run(stop)
        assert len(learned) == 1
        create(desk)
        assert made.run_until(FAR).done == 1

    def test_a_log_that_is_another_one_is_refused(self, desk: Desk, tmp_path: Path) -> None:
        create(desk)
        begun(desk)
        cut = tmp_path / "cut"
        helpdesk.make(cut, simulation=True)
        with open_desk(cut) as other:
            create(other)
            refused = runner(other)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(refused._subscriptions.all[0], "_load", desk.load)
                with pytest.raises(Damaged):
                    refused.run_until(FAR)


class TestTrouble:
    def test_a_poisonous_event_is_parked_and_the_others_go_on(self, desk: Desk) -> None:
        sick, well = Tagger("sick", broken="poison"), Tagger("well")
        made = begun(desk, sick, well)
        bad, good = create(desk, "poison"), create(desk)
        made.run_until(FAR)
        assert (tags(desk, bad), tags(desk, good)) == (("well",), ("sick", "well"))
        (parked,) = named(desk, EventParked)
        assert isinstance(parked.event, EventParked)
        assert parked.event.stream == f"ticket/{bad}"
        assert parked.event.error == "ValueError: it can't take this one"
        (said,) = made.troubles()
        assert said.startswith(f"policy sick has parked {parked.event.event} of ticket/{bad} (")
        assert said.endswith("`ticketlog policies retry sick` tries it again")

    def test_what_is_parked_can_be_tried_again(self, desk: Desk) -> None:
        made = begun(desk, Tagger("sick", broken="poison"))
        bad = create(desk, "poison")
        made.run_until(FAR)
        assert [each.stream for each in made.retry("sick").parked] == [f"ticket/{bad}"]
        healed = runner(desk, Tagger("sick"))
        assert healed.retry("sick").parked == []
        assert tags(desk, bad) == ("sick",)
        assert healed.troubles() == []
        with pytest.raises(Usage, match="there is no policy nobody: there are sick"):
            healed.retry("nobody")

    def test_a_stream_that_can_t_be_read_is_parked_with_what_comes_after_it(
        self, desk: Desk
    ) -> None:
        made = begun(desk)
        ticket, other = create(desk), create(desk)
        stream = f"ticket/{ticket}"
        desk.log.append(a_commit(stream, expects=1, settings=desk.settings.position))
        settings = desk.settings.position
        later = [TagsChanged(new=("later",))]
        desk.log.append(a_commit(stream, expects=2, events=later, settings=settings))
        made.run_until(FAR)
        assert tags(desk, other) == ("tagger",)
        assert {parked.stream for parked in made.status()[0].parked} == {stream}
        assert made.run_until(FAR).done == 0

    def test_a_failing_log_is_nobody_s_poison(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = begun(desk)
        ticket = create(desk)

        def fails(*_: object) -> None:
            raise Unreachable("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(desk.log, "append_all", fails)
            with pytest.raises(Unreachable):
                made.run_until(FAR)
        assert made.troubles() == []
        assert made.run_until(FAR).done == 1
        assert tags(desk, ticket) == ("tagger",)

    def test_killed_between_any_two_commits_it_goes_on_as_if_it_had_not_been(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun(desk)
        tickets = [create(desk) for _ in range(5)]

        class Killed(BaseException):
            pass

        for after in range(5):
            left = [after]
            append = desk.log.append_all

            def dies(commits, append=append, left=left):  # type: ignore[no-untyped-def]
                done = append(commits[: left[0]])
                raise Killed(done)

            with monkeypatch.context() as patch:
                patch.setattr(desk.log, "append_all", dies)
                with suppress(Killed):
                    runner(desk).run_until(FAR)
        runner(desk).run_until(FAR)
        found = counted(named(desk, TagsChanged), lambda each: each.originator_id)
        assert found == {f"ticket/{ticket}": 1 for ticket in tickets}


class TestManyRunners:
    def test_two_that_begin_together_miss_nothing(self, desk: Desk) -> None:
        first, second = runner(desk), runner(desk)
        first.run_until(FAR)
        ticket = create(desk)
        second.run_until(FAR)
        first.run_until(FAR)
        assert tags(desk, ticket) == ("tagger",)
        assert len(named(desk, TagsChanged)) == 1

    def test_two_at_once_do_everything_once(self, desk: Desk) -> None:
        begun(desk)
        stop = threading.Event()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                runner(desk).run(stop)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        tickets = [create(desk) for _ in range(100)]
        while any(not tags(desk, ticket) for ticket in tickets) and not failures:
            pass
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        found = counted(named(desk, TagsChanged), lambda each: each.originator_id)
        assert found == {f"ticket/{ticket}": 1 for ticket in tickets}


def test_many_commands_share_one_append(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun(desk)
    for _ in range(50):
        create(desk)
    appended: list[int] = []
    append = desk.log.append_all
    monkeypatch.setattr(
        desk.log, "append_all", lambda commits: (appended.append(len(commits)), append(commits))[1]
    )
    alone: list[object] = []
    monkeypatch.setattr(Executor, "execute", lambda self, request: alone.append(request))
    made.run_until(FAR)
    assert 50 in appended
    assert len(alone) == 1, "how far it is"
