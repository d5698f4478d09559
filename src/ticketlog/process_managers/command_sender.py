"""The sender of policies' commands: each has an id that follows from its cause, so that a command
that is sent twice is done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ticketlog.application.batch_executor import Done, execute_all
from ticketlog.application.executor import Executor, Outcome, Request, derived_id, new_id, request
from ticketlog.domain.base import Actor, Command, Refused
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.errors import CommandReused, Conflict, Damaged, NewerFormat, Unreachable, Unreadable
from ticketlog.policies.protocol import Reaction

CHANNEL = "policy"


class Cause(NamedTuple):
    """The cause of a command.

    `event`: an event's id, or a text that names a time that fell due; `at`: the instant that the
    command is stamped with, None: now.
    """

    policy: str
    event: str
    stream: str
    partition: int
    offset: int
    at: int | None = None


class SentCommand(NamedTuple):
    """A command that was sent: its cause, its stream (None: a new one), and its outcome."""

    cause: Cause
    on: str | None
    done: Done

    @property
    def is_new(self) -> bool:
        """Whether this runner's sending has done it, and no earlier one."""
        return isinstance(self.done, Outcome) and not self.done.repeated

    @property
    def failure(self) -> Exception | None:
        """The error, unless a rule of the domain refused it or another runner has sent it
        before."""
        if isinstance(self.done, Outcome | Refused | CommandReused):
            return None
        return self.done


def is_failure(error: Exception) -> bool:
    """Whether an error is the log's, and not that of a command or a policy."""
    return isinstance(error, Unreachable | Damaged | NewerFormat | Conflict) and not isinstance(
        error, Unreadable
    )


class CommandSender:
    """Sends commands and counts their outcomes."""

    def __init__(self, executor: Executor, now: Callable[[], int]) -> None:
        self._executor = executor
        self.now = now
        self.simulated = executor.simulated
        """Whether the desk is made for simulation: its times say nothing about now."""
        self.done = 0
        self.refused = 0
        self.notified: Counter[str] = Counter()
        """Notifications that were decided, by outbox."""

    def send(self, reactions: Sequence[tuple[Cause, Reaction]]) -> list[SentCommand]:
        """Executes the commands. Raises Unreachable, Damaged, Conflict: all may then be sent
        again."""
        found: list[SentCommand] = []
        requests: list[Request] = []
        causes: list[tuple[Cause, str | None]] = []
        for cause, reaction in reactions:
            try:
                requests.append(self._request(cause, reaction))
                causes.append((cause, reaction.on))
            except Exception as error:
                found.append(SentCommand(cause, reaction.on, error))
        for (cause, on), done in zip(causes, execute_all(self._executor, requests), strict=True):
            self._count(done)
            found.append(SentCommand(cause, on, done))
        return found

    def _count(self, done: Done) -> None:
        self.refused += isinstance(done, Refused)
        if isinstance(done, Outcome) and not done.repeated:
            self.done += bool(done.events)
            for each in done.events:
                if isinstance(each.event, NotificationDecided):
                    self.notified[each.event.outbox] += 1

    def record_for(self, policy: str, command: Command, *parts: str) -> None:
        """Executes a command on a policy's own stream. `parts`: of the command's id."""
        made = request(
            command,
            f"policy/{policy}",
            id=derived_id("policy", policy, command.NAME, *parts),
            received_at=self.now(),
            occurred_at=None,
            actor=Actor(policy, "service", "service"),
            channel=CHANNEL,
            internal=True,
        )
        self._executor.execute(made)

    def record_on(self, stream: str, actor: Actor, command: Command) -> None:
        """Executes a command on a stream, as one that nobody has sent before."""
        made = request(
            command,
            stream,
            id=new_id(),
            received_at=self.now(),
            occurred_at=None,
            actor=actor,
            channel=CHANNEL,
            internal=True,
        )
        self._executor.execute(made)

    def _request(self, cause: Cause, reaction: Reaction) -> Request:
        return request(
            reaction.command,
            reaction.on,
            id=derived_id(cause.event, cause.policy, reaction.slot),
            received_at=self.now(),
            occurred_at=cause.at,
            actor=Actor(reaction.rule, "rule", "rule"),
            channel=CHANNEL,
            source=cause.policy,
            seen=reaction.seen,
            cause=cause.event,
            internal=True,
        )
