"""Policies are asked what to do about a commit; what one of them can't take is parked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ticketlog.domain.base import Recorded
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import Unreadable
from ticketlog.log.commit import Verdict
from ticketlog.log.eventsourcing.repository import Repository
from ticketlog.log.history import events_of
from ticketlog.log.port import Record
from ticketlog.policies import TELLING
from ticketlog.policies.protocol import Reaction, ReevaluatingPolicy, Situation
from ticketlog.process_managers.checkpoint_book import CheckpointBook
from ticketlog.process_managers.checkpoints import Follower, park, stream_in
from ticketlog.process_managers.command_sender import Cause, CommandSender, is_failure
from ticketlog.process_managers.live_state import LiveState
from ticketlog.process_managers.reevaluation import Reevaluation
from ticketlog.process_managers.state_cache import StateCache


class Dispatcher:
    """Used by one thread at a time."""

    def __init__(
        self,
        following: CheckpointBook,
        sender: CommandSender,
        repository: Repository,
        clock: Callable[[], int],
    ) -> None:
        self._following = following
        self._sender = sender
        self._load = repository.load
        self._codec = repository.codec
        self._states = StateCache(repository)
        self._clock = clock
        self.moved = False
        """The clock is moved: everything happens at the time of its cause."""

    def read(self, records: Sequence[Record]) -> Iterator[list[Recorded]]:
        """The events of the accepted ones."""
        for record in records:
            if record.verdict is not Verdict.ACCEPTED:
                continue
            try:
                yield list(events_of((record,), self._codec))
            except Unreadable as error:
                place = f"{record.partition}:{record.offset}"
                for each in self._following.at_or_before(record.partition, record.offset):
                    cause = Cause(each.name, place, stream_in(record), *record[:2])
                    park(self._sender, each.name, cause, error)

    def answers(
        self, commit: list[Recorded], settings: Settings, watch: LiveState
    ) -> Iterator[tuple[Cause, Reaction]]:
        """What the policies that haven't passed it say to a commit. From here on the watch knows
        of it, too."""
        meta = commit[0].meta
        situation = self._situation(commit, settings, watch)
        followers = self._following.at_or_before(meta.partition, meta.offset)
        try:
            state = situation.after()
        except Unreadable as error:
            for each in followers:
                place = (commit[0].originator_id, meta.partition, meta.offset)
                park(self._sender, each.name, Cause(each.name, commit[0].id, *place), error)
            return
        if self._following.is_new(meta.partition, meta.offset):
            watch.sees(commit[0].originator_id, state, settings)
        for recorded in commit:
            for each in followers:
                if type(recorded.event) in each.policy.ON:
                    yield from self._asked(each, recorded, situation, watch)

    def _asked(
        self, follower: Follower, recorded: Recorded, situation: Situation, watch: LiveState
    ) -> Iterator[tuple[Cause, Reaction]]:
        if follower.policy.NAME in TELLING and follower.is_old(recorded):
            return
        meta = recorded.meta
        at = meta.occurred_at if self.moved else None
        place = (recorded.originator_id, meta.partition, meta.offset)
        cause = Cause(follower.name, recorded.id, *place, at)
        answers: list[tuple[Cause, Reaction]] = []
        try:
            for reaction in follower.policy.react(recorded, situation):
                watch.sends(reaction)
                answers.append((cause, reaction))
        except Exception as error:
            if is_failure(error):
                raise
            park(self._sender, follower.name, cause, error)
        else:
            yield from answers

    def look(
        self, look: Reevaluation, settings: Settings, watch: LiveState
    ) -> list[tuple[Cause, Reaction]]:
        """What the policies send to tickets that wait. The id of each command follows from the
        ticket's last commit and the reason."""
        now = look.at if self.moved else self._clock()
        situation = Situation(settings, now, _nothing, _nothing, self._load, watch.floor)
        found = []
        for each in self._following.followers:
            if isinstance(each.policy, ReevaluatingPolicy):
                for reaction in each.policy.look(look.teams, situation):
                    watch.sends(reaction)
                    found.append((self._looked_at(each.name, reaction, look), reaction))
        return found

    def _looked_at(self, policy: str, reaction: Reaction, look: Reevaluation) -> Cause:
        assert reaction.on is not None
        event = f"{self._load(reaction.on).last_commit}@{look.why}"
        last = self._following.last(reaction.on)
        at = look.at if self.moved else None
        return Cause(policy, event, reaction.on, last.partition, last.offset, at)

    def again(
        self, follower: Follower, cause: Cause, record: Record, settings: Settings, watch: LiveState
    ) -> list[tuple[Cause, Reaction]] | None:
        """What a policy says to what it couldn't take before; None: it still can't."""
        try:
            commit = list(events_of((record,), self._codec))
            wanted = [r for r in commit if type(r.event) in follower.policy.ON]
            situation = self._situation(commit, settings, watch)
            return [
                (cause._replace(event=each.id), answer)
                for each in wanted
                if cause.event in (each.id, f"{cause.partition}:{cause.offset}")
                for answer in follower.policy.react(each, situation)
            ]
        except Exception as error:
            if is_failure(error):
                raise
            return None

    def _situation(self, commit: list[Recorded], settings: Settings, watch: LiveState) -> Situation:
        before, after = self._states.around(commit)
        return Situation(
            settings=settings,
            now=commit[0].meta.occurred_at if self.moved else self._clock(),
            before=before,
            after=after,
            load=self._load,
            floor=watch.floor,
            commit=commit,
        )


def _nothing() -> None:
    """The states around a look, that no commit is the cause of."""
