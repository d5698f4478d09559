"""given what happened, when somebody asks, then: for every aggregate that `AGGREGATES` lists.

    Story(AGGREGATES["person"]).given(ADA).when(SetLanguage("en")).then(LanguageSet("en"))

Every command that is decided is also written as a record and read back, and is asked for with
nothing more than the streams that the aggregate's `reads` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar

from ticketlog.domain.aggregates import informed
from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    Context,
    Event,
    Meta,
    Recorded,
    Refused,
    instant,
)
from ticketlog.domain.parties.person import Person, addresses_of, has
from ticketlog.domain.settings.model import (
    Agent,
    Category,
    CustomField,
    Option,
    Priorities,
    Product,
    Settings,
    Status,
    Team,
    Transition,
    Workflow,
)
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit

NOON = instant("2026-03-02T12:00:00Z")
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

ANN = Actor("ann", "agent", "agent")
"""In the teams network and billing."""
BOB = Actor("bob", "agent", "agent")
"""In the team billing."""
SUE = Actor("sue", "agent", "supervisor")
"""Agent and supervisor, in the team network."""
ADA = Actor("ada", "agent", "admin")
KIM = Actor("KIM", "person")
"""The requester."""
LEE = Actor("LEE", "person")
"""Another end user."""
RULE = Actor("close-after-4-days", "rule")
MAIL = Actor("mail", "service")
IMPORT = Actor("old-desk", "import")

_CLOSERS = ("supervisor", "admin", "rule", "service")
_STATUSES = ("new", "open", "pending", "on-hold", "solved", "closed")
_ARROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("*", "open", ("*",), ()),
    ("*", "pending", ("*",), ()),
    ("*", "on-hold", ("*",), ()),
    ("*", "waiting-for-parts", ("*",), ()),
    ("*", "solved", ("agent", "supervisor", "admin", "rule"), ()),
    ("solved", "closed", _CLOSERS, ()),
    *(
        (status, "cancelled", ("requester", "agent", "supervisor", "admin"), ())
        for status in ("new", "open", "pending", "on-hold")
    ),
)
WORKFLOW = Workflow(
    id="default",
    statuses=(
        *(Status(id=id, category=id) for id in _STATUSES),
        Status(id="waiting-for-parts", category="on-hold"),
        Status(id="cancelled", category="closed"),
    ),
    transitions=tuple(
        Transition(source=source, target=target, roles=roles, requires=requires)
        for source, target, roles, requires in _ARROWS
    ),
    reopen_within=28 * 86_400,
)
PROBLEMS = Workflow(
    id="problems",
    types=("problem",),
    statuses=(
        Status(id="new", category="new"),
        Status(id="analysis", category="open"),
        Status(id="solved", category="solved"),
        Status(id="closed", category="closed"),
    ),
    transitions=(
        Transition(source="new", target="analysis", roles=("agent",)),
        Transition(
            source="analysis",
            target="solved",
            roles=("*",),
            requires=("category", "cause", "resolution_code"),
        ),
        Transition(source="*", target="closed", roles=("*",)),
    ),
)
SETTINGS = Settings(
    position=7,
    workflows={"default": WORKFLOW, "problems": PROBLEMS},
    priorities=Priorities(
        id="default",
        names=("critical", "high", "medium", "low"),
        default="medium",
        impacts=("high", "low"),
        urgencies=("high", "low"),
        matrix={"high": {"high": "critical", "low": "high"}, "low": {"high": "high", "low": "low"}},
        contracts={"gold": "high"},
    ),
    fields={
        field.id: field
        for field in (
            CustomField(id="cause", kind="text"),
            CustomField(id="floor", kind="integer", minimum=-1, maximum=9),
            CustomField(id="remote", kind="boolean"),
            CustomField(id="since", kind="date"),
            CustomField(id="seen-at", kind="datetime"),
            CustomField(
                id="system",
                kind="choice",
                options=(
                    Option(id="linux", label="Linux"),
                    Option(id="mac", label="macOS"),
                    Option(id="dos", label="DOS", retired=True),
                ),
            ),
            CustomField(
                id="rooms",
                kind="choices",
                options=(Option(id="attic", label="Attic"), Option(id="lab", label="Lab")),
            ),
            CustomField(id="birthday", kind="date", personal=True),
        )
    },
    teams={id: Team(id=id) for id in ("network", "billing")},
    agents={
        agent.id: agent
        for agent in (
            Agent(id="ann", teams=("network", "billing"), roles=("agent",)),
            Agent(id="bob", teams=("billing",), roles=("agent",)),
            Agent(id="sue", teams=("network",), roles=("agent", "supervisor")),
            Agent(id="ada", roles=("admin",)),
            Agent(id="rob", teams=("network",), roles=("agent",), retired=True),
        )
    },
    categories={id: Category(id=id) for id in ("network", "network/vpn", "billing")},
    products={"router": Product(id="router")},
)

S = TypeVar("S")


def recorded(
    stream: str, version: int, event: Event, at: int = NOON, *, offset: int = 0
) -> Recorded:
    """An event as the only one of its commit."""
    return Recorded(
        stream, version, event, Meta(f"{stream}-{version}", at, at, ANN, "api", offset=offset)
    )


def folded(evolve: Callable[[S, Recorded], S], state: S, stream: str, events: Iterable[Event]) -> S:
    """The state after events that come a minute apart."""
    for version, event in enumerate(events):
        state = evolve(state, recorded(stream, version, event, NOON + version * MINUTE))
    return state


class Story:
    """One stream of an aggregate: `given` what happened, `when` a command comes, `then`.

    A minute passes with each step. The n-th commit has the id 'cN', so its first event 'cN.0'.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        id: str = "THIS",
        *,
        settings: Settings | None = None,
        others: Mapping[str, Any] | None = None,
    ) -> None:
        self.aggregate = aggregate
        self.stream = f"{aggregate.kind}/{id}"
        self.settings = settings or Settings()
        self.others = others or {}
        self.now = NOON
        self.state = aggregate.initial(id)
        self.history: tuple[Recorded, ...] = ()
        self.outcome: list[Event] | Refused = []
        self.commits = 0

    def given(self, *steps: Event | Command, by: Actor = ANN) -> Self:
        """Events that were recorded, or commands that were executed, in this order."""
        for step in steps:
            if isinstance(step, Command):
                self.when(step, by=by)
                assert not isinstance(self.outcome, Refused), self.outcome
            else:
                self._record([step], self._context(by))
        return self

    def when(
        self,
        command: Command,
        *,
        by: Actor = ANN,
        after: int = 0,
        at: int | None = None,
        seen: int | None = None,
    ) -> Self:
        """A command comes, `after` so many microseconds, or at that instant."""
        self.now = self.now + after if at is None else at
        context = replace(self._context(by, seen), holders=self._holders(command))
        context = informed(self.aggregate, command, self.state, context, self.others.get)
        try:
            self.outcome = self.aggregate.decide(command, self.state, context)
        except Refused as refusal:
            self.outcome = refusal
        else:
            assert self.aggregate.decide(command, self.state, context) == self.outcome
            self._record(self.outcome, context)
        return self

    def then(self, *events: Event) -> Self:
        """Exactly these events."""
        assert self.outcome == [*events]
        return self

    def then_made(self, *kinds: type[Event], **values: Any) -> Self:
        """Events of these kinds; the last one has these values."""
        assert not isinstance(self.outcome, Refused), self.outcome
        assert [type(event) for event in self.outcome] == [*kinds]
        found = {name: getattr(self.outcome[-1], name) for name in values}
        assert found == values
        return self

    def then_refused(self, kind: type[Refused], *words: str) -> Self:
        """A refusal of exactly this kind, whose message holds the words."""
        assert type(self.outcome) is kind, self.outcome
        assert not [word for word in words if word not in str(self.outcome)], str(self.outcome)
        return self

    def _holders(self, command: Command) -> tuple[str, ...]:
        """The persons among the others who have an address that the command names."""
        named = addresses_of(command)
        return tuple(
            each.id
            for each in self.others.values()
            if isinstance(each, Person) and any(has(each, address) for address in named)
        )

    def _context(self, by: Actor, seen: int | None = None) -> Context:
        return Context(
            settings=self.settings,
            now=self.now,
            actor=by,
            stream=self.stream,
            command_id=f"c{self.commits}",
            seen=seen,
        )

    def _record(self, events: list[Event], context: Context) -> None:
        if not events:
            return
        meta = Meta(context.command_id, context.now, context.now, context.actor, context.channel)
        first = self.state.version + 1
        new = [Recorded(self.stream, first + i, e, meta, i) for i, e in enumerate(events)]
        assert [each.event for each in written(new)] == events
        self.state = self.aggregate.fold(self.state, new)
        self.history += tuple(new)
        self.commits += 1
        self.now += MINUTE


def written(commit: list[Recorded]) -> list[Recorded]:
    """A commit as it is read again from its record."""
    first = commit[0]
    meta = first.meta
    record = Commit(
        id=meta.commit,
        command="test",
        digest="",
        stream=first.originator_id,
        expects=first.originator_version,
        events=[each.event for each in commit],
        occurred_at=meta.occurred_at,
        recorded_at=meta.recorded_at,
        actor=meta.actor,
        channel=meta.channel,
    )
    return RecordCodec().decode(RecordCodec().encode(record), 0, 0)
