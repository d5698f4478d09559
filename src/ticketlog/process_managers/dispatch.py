"""The dispatcher: delivers commits to policies; an event that a policy fails at is parked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ticketlog.domain.base import Recorded
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import Unreadable
from ticketlog.log.commit import Verdict
from ticketlog.log.eventsourcing.repository import Repository
from ticketlog.log.history import events_of
from ticketlog.log.port import Record
from ticketlog.policies import NOTIFYING
from ticketlog.policies.protocol import Reaction, ReevaluatingPolicy, Situation
from ticketlog.process_managers.checkpoints import Subscription, park, stream_named_in
from ticketlog.process_managers.command_sender import Cause, CommandSender, is_failure
from ticketlog.process_managers.live_state import LiveState
from ticketlog.process_managers.shift_starts import Reevaluation
from ticketlog.process_managers.state_cache import StateCache
from ticketlog.process_managers.subscriptions import Subscriptions


class Dispatcher:
    """Delivers commits to the policies that subscribe to them. For one thread at a time."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        sender: CommandSender,
        repository: Repository,
        now: Callable[[], int],
    ) -> None:
        self._subscriptions = subscriptions
        self._sender = sender
        self._load = repository.load
        self._codec = repository.codec
        self._states = StateCache(repository)
        self._now = now
        self.uses_event_time = False
        """True in catch-up runs: commands are stamped with the time of their cause."""

    def read(self, records: Sequence[Record]) -> Iterator[list[Recorded]]:
        """The events of accepted records, a list for each. Unreadable records are parked."""
        for record in records:
            if record.verdict is not Verdict.ACCEPTED:
                continue
            try:
                yield list(events_of((record,), self._codec))
            except Unreadable as error:
                place = f"{record.partition}:{record.offset}"
                for each in self._subscriptions.awaiting(record.partition, record.offset):
                    cause = Cause(each.name, place, stream_named_in(record), *record[:2])
                    park(self._sender, each.name, cause, error)

    def reactions_to(
        self, commit: list[Recorded], settings: Settings, live: LiveState
    ) -> Iterator[tuple[Cause, Reaction]]:
        """The policies' reactions to a commit, after the live state has taken it in."""
        meta = commit[0].meta
        situation = self._situation(commit, settings, live)
        subscriptions = self._subscriptions.awaiting(meta.partition, meta.offset)
        try:
            state = situation.after()
        except Unreadable as error:
            for each in subscriptions:
                place = (commit[0].originator_id, meta.partition, meta.offset)
                park(self._sender, each.name, Cause(each.name, commit[0].id, *place), error)
            return
        if self._subscriptions.is_unknown(meta.partition, meta.offset):
            live.apply(commit[0].originator_id, state, settings)
        for recorded in commit:
            for each in subscriptions:
                if type(recorded.event) in each.policy.ON:
                    yield from self._react(each, recorded, situation, live)

    def _react(
        self, subscription: Subscription, recorded: Recorded, situation: Situation, live: LiveState
    ) -> Iterator[tuple[Cause, Reaction]]:
        if subscription.policy.NAME in NOTIFYING and subscription.is_old(recorded):
            return
        meta = recorded.meta
        at = meta.occurred_at if self.uses_event_time else None
        place = (recorded.originator_id, meta.partition, meta.offset)
        cause = Cause(subscription.name, recorded.id, *place, at)
        reactions: list[tuple[Cause, Reaction]] = []
        try:
            for reaction in subscription.policy.react(recorded, situation):
                live.expect(reaction)
                reactions.append((cause, reaction))
        except Exception as error:
            if is_failure(error):
                raise
            park(self._sender, subscription.name, cause, error)
        else:
            yield from reactions

    def reevaluate(
        self, reevaluation: Reevaluation, settings: Settings, live: LiveState
    ) -> list[tuple[Cause, Reaction]]:
        """The policies' reactions for tickets that wait. The id of each command follows from the
        ticket's last commit and the reason."""
        now = reevaluation.at if self.uses_event_time else self._now()
        situation = Situation(settings, now, _no_state, _no_state, self._load, live.workload)
        found = []
        for each in self._subscriptions.all:
            if isinstance(each.policy, ReevaluatingPolicy):
                for reaction in each.policy.reevaluate(reevaluation.teams, situation):
                    live.expect(reaction)
                    found.append((self._cause_of(each.name, reaction, reevaluation), reaction))
        return found

    def _cause_of(self, policy: str, reaction: Reaction, reevaluation: Reevaluation) -> Cause:
        assert reaction.on is not None
        event = f"{self._load(reaction.on).last_commit}@{reevaluation.why}"
        last = self._subscriptions.last_record(reaction.on)
        at = reevaluation.at if self.uses_event_time else None
        return Cause(policy, event, reaction.on, last.partition, last.offset, at)

    def retry(
        self,
        subscription: Subscription,
        cause: Cause,
        record: Record,
        settings: Settings,
        live: LiveState,
    ) -> list[tuple[Cause, Reaction]] | None:
        """A policy's reactions to a parked event; None: it fails again."""
        try:
            commit = list(events_of((record,), self._codec))
            wanted = [r for r in commit if type(r.event) in subscription.policy.ON]
            situation = self._situation(commit, settings, live)
            return [
                (cause._replace(event=each.id), reaction)
                for each in wanted
                if cause.event in (each.id, f"{cause.partition}:{cause.offset}")
                for reaction in subscription.policy.react(each, situation)
            ]
        except Exception as error:
            if is_failure(error):
                raise
            return None

    def _situation(self, commit: list[Recorded], settings: Settings, live: LiveState) -> Situation:
        before, after = self._states.around(commit)
        return Situation(
            settings=settings,
            now=commit[0].meta.occurred_at if self.uses_event_time else self._now(),
            before=before,
            after=after,
            load=self._load,
            workload=live.workload,
            commit=commit,
        )


def _no_state() -> None:
    """The state before and after a reevaluation, which no commit has caused."""
