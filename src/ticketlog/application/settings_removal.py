"""The removal of things from the settings while tickets have them, and their moves.

A ticket keeps its status, team, category, product or priority when the settings know it no more,
where it is found no more: such a file says where they go, or that they stay. Other things strand
no ticket (a clock keeps the policy that was promised, a field its value): these are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, get_args

from ticketlog.application.executor import derived_id
from ticketlog.application.settings_store import PlannedSettings
from ticketlog.domain.base import Actor, Command, Invalid, Refused
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.rights import listed
from ticketlog.domain.settings.activation import Desired
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import Agent, CustomField, Settings, TicketType, Workflow
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Classify
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.lifecycle import SetStatus
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.queries import Answer
    from ticketlog.documents import settings as documents
    from ticketlog.projections.engine.query import Query

STRANDING = ("status", "team", "category", "product", "priority")
"""Kinds of things in which tickets are stranded when they are no more."""
KINDS = (*STRANDING, "agent", "type", "field", "option")
"""Kinds of things that tickets can be moved out of. An option is named with its field:
'severity/s3'."""
_PAGE = 1_000
_FIRST = 3
"""Tickets that are named."""
_ACTIVE = ("new", "open", "pending", "on-hold")
_SOLVED = "solved"
Moves: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, old) -> new."""


class DeskInUse(Protocol):
    """The part of a desk that is needed here."""

    @property
    def settings(self) -> Settings: ...

    def query(self, query: Query[Answer]) -> Answer: ...

    def load(self, stream: str) -> Any: ...

    @property
    def execute(self) -> Callable[..., Any]: ...


class InUse(NamedTuple):
    """A thing that is taken away, the number of tickets that have it and aren't closed, and the
    first."""

    kind: str
    id: str
    tickets: int
    first: tuple[str, ...]
    keeps: str = ""
    """The fate of the tickets where nothing strands; empty: they are stranded."""

    def __str__(self) -> str:
        named = ", ".join(self.first) + (", ..." if self.tickets > len(self.first) else "")
        said = f"{self.kind} {self.id} has {counted(self.tickets, 'active ticket')} ({named})"
        return f"{said}: {self.keeps}" if self.keeps else said

    def document(self, goes: str | None) -> dict[str, Any]:
        """The thing as a JSON document; `goes`: the target of its move."""
        found = self._asdict() | {"first": list(self.first), "strands": not self.keeps}
        return found | {"keeps": self.keeps or None, "goes": goes}


def counted(number: int, what: str) -> str:
    """'1 ticket', '2,000 tickets'."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class TakenAway(NamedTuple):
    """A thing that is in force and won't be any more, and the way to find its tickets: by `columns`
    of the view of tickets, then by `has` of a row or a state."""

    kind: str
    id: str
    columns: Mapping[str, str] = {}
    has: Callable[[Any], bool] = lambda found: True
    keeps: str = ""
    of_state: bool = False
    """`has` is asked of the ticket's state, not of its row."""


def moves(texts: Iterable[str]) -> dict[tuple[str, str], str]:
    """Moves from texts as 'status:waiting=open'. Raises Usage."""
    found = {}
    for text in texts:
        kind, colon, rest = text.partition(":")
        old, equals, new = rest.partition("=")
        if kind not in KINDS or not (colon and equals and old and new):
            raise Usage(f"--move {text!r} is no KIND:OLD=NEW; kinds are {', '.join(KINDS)}")
        found[kind, old] = new
    return found


def in_use(desk: DeskInUse, desired: Desired) -> list[InUse]:
    """The things that a file takes away while tickets have them."""
    found = []
    for taken in _taken(desk.settings, desired):
        tickets = list(_having(desk, taken))
        if tickets:
            first = tuple(tickets[:_FIRST])
            found.append(InUse(taken.kind, taken.id, len(tickets), first, taken.keeps))
    return found


def check(plan: SettingsPlan) -> None:
    """Raises Invalid where tickets would be stranded, and no move says where they go."""
    left = plan.stranded
    if left:
        raise Invalid(
            f"the settings would strand tickets: {'; '.join(map(str, left))}. Say where they go "
            f"(--move {left[0].kind}:{left[0].id}=NEW, or [moves] in the file), or --strand to "
            "leave them there",
            stranded=tuple(map(str, left)),
        )


def check_moves(given: Moves, settings: Settings, desired: Desired) -> None:
    """Raises Invalid for a move to what won't be there, so that nothing is left in between."""
    for (kind, old), new in given.items():
        known = _targets(kind, old, settings, desired)
        if new not in known:
            raise Invalid(
                f"{kind} {old} can't move to {new!r}: the settings will know "
                f"{listed(known) or 'none'}",
                what=kind,
                name=new,
            )


def _targets(kind: str, old: str, settings: Settings, desired: Desired) -> list[str]:
    """The things that tickets can be moved to once the file is in force."""
    match kind:
        case "status":
            workflows = _after("workflow", settings.workflows, desired).values()
            return sorted({id for each in workflows for id in _usable(each)})
        case "priority":
            return list(_priorities(settings, desired))
        case "type":
            return list(get_args(TicketType))
        case "agent":
            agents = _after("agent", settings.agents, desired).values()
            return [a.id for a in agents if isinstance(a, Agent) and a.active]
        case "option":
            field = _after("field", settings.fields, desired).get(old.rpartition("/")[0])
            options = field.options if isinstance(field, CustomField) else ()
            return [each.id for each in options if not each.retired]
    tables = {"category": settings.categories, "product": settings.products}
    tables |= {"team": settings.teams, "field": settings.fields}
    return list(_after(kind, tables[kind], desired))


def _after(kind: str, known: Mapping[str, Any], desired: Desired) -> Mapping[str, Any]:
    """The things of a kind as they are once the file is in force."""
    return desired.get(kind, known)


def _priorities(settings: Settings, desired: Desired) -> tuple[str, ...]:
    known = {} if settings.priorities is None else {"default": settings.priorities}
    found = _after("priorities", known, desired).values()
    return tuple(name for each in found for name in each.names)


def _taken(settings: Settings, desired: Desired) -> Iterator[TakenAway]:
    if "workflow" in desired:
        yield from _of_workflows(settings, desired)
    for kind, known in (
        ("team", settings.teams),
        ("category", settings.categories),
        ("product", settings.products),
    ):
        for id in sorted(known.keys() - _after(kind, known, desired).keys()):
            yield TakenAway(kind, id, {kind: id})
    if settings.priorities is not None:
        after = _priorities(settings, desired)
        for id in settings.priorities.names:
            if id not in after:
                yield TakenAway("priority", id, {"priority": id})
    yield from _of_agents(settings, desired)
    yield from _of_fields(settings, desired)
    yield from _of_promises(settings, desired)


def _of_workflows(settings: Settings, desired: Desired) -> Iterator[TakenAway]:
    """Statuses, by the workflow that counts for a type of ticket then; types whose tickets follow
    another workflow."""
    lost: dict[str, set[str]] = {}
    follow: dict[str, dict[str, set[str]]] = {}
    for type in get_args(TicketType):
        before, after = (
            _counts_for(type, settings.workflows),
            _counts_for(type, desired["workflow"]),
        )
        if before is None or after is None:
            continue
        for id in _usable(before) - _usable(after):
            lost.setdefault(id, set()).add(type)
        if before.id != after.id:
            follow.setdefault(before.id, {}).setdefault(after.id, set()).add(type)
    for id, types in sorted(lost.items()):
        yield TakenAway("status", id, {"status": id}, _of_types(types))
    for id, followed in sorted(follow.items()):
        for other, types in sorted(followed.items()):
            yield TakenAway(
                "workflow", id, {}, _of_types(types), f"they follow workflow {other} then"
            )


def _of_types(types: Collection[str]) -> Callable[[Any], bool]:
    return lambda row: row["type"] in types


def _counts_for(type: str, workflows: Mapping[str, Any]) -> Workflow | None:
    found = [each for each in workflows.values() if isinstance(each, Workflow)]
    general = next((each for each in found if not each.types), None)
    return next((each for each in found if type in each.types), general)


def _usable(workflow: Any) -> set[str]:
    """The statuses of a workflow in which tickets are worked on or solved."""
    assert isinstance(workflow, Workflow)
    return {s.id for s in workflow.statuses if not s.retired and s.category != "closed"}


def _of_agents(settings: Settings, desired: Desired) -> Iterator[TakenAway]:
    """Agents who leave, or leave a team."""
    after: Any = _after("agent", settings.agents, desired)
    then = Settings(agents=after, left=frozenset(settings.agents.keys() - after.keys()))
    for id, agent in settings.agents.items():
        known = after.get(id)
        if agent.retired or (known and not known.retired and set(agent.teams) <= {*known.teams}):
            continue

        def leaves(row: Any, id: str = id) -> bool:
            before, later = (why_gone(id, row["team"], each) for each in (settings, then))
            return row["status_category"] != _SOLVED and before is None and later is not None

        yield TakenAway("agent", id, {"assignee": id}, leaves, "they wait for an agent again")


def _of_fields(settings: Settings, desired: Desired) -> Iterator[TakenAway]:
    after = _after("field", settings.fields, desired)
    for id, field in settings.fields.items():
        now = after.get(id)
        if now is None:
            keeps = "they keep what it says, and it can only be emptied"
            yield TakenAway("field", id, {}, _holding(id), keeps, True)
            continue
        retired = {option.id for option in now.options if option.retired}
        for option in field.options:
            if option.id in retired and not option.retired:
                has = _holding(id, option.id)
                yield TakenAway("option", f"{id}/{option.id}", {}, has, "they keep it", True)


def _holding(field: str, option: str | None = None) -> Callable[[Ticket], bool]:
    def holds(ticket: Ticket) -> bool:
        value = ticket.fields.get(field)
        if option is None:
            return value is not None
        return option in value if isinstance(value, tuple) else option == value

    return holds


def _of_promises(settings: Settings, desired: Desired) -> Iterator[TakenAway]:
    """SLA policies and calendars, in the versions that clocks run by."""
    for id in sorted(settings.sla_policies.keys() - _after_ids("sla-policy", settings, desired)):
        keeps = "their clocks keep what it promised; `ticketlog settings reapply` applies others"
        yield TakenAway("sla-policy", id, {}, _promised(id), keeps, True)
    for id in sorted(settings.calendars.keys() - _after_ids("calendar", settings, desired)):
        keeps = "their clocks are measured by it as it was"
        yield TakenAway("calendar", id, {}, _measured(id), keeps, True)


def _after_ids(kind: str, settings: Settings, desired: Desired) -> Collection[str]:
    known = settings.sla_policies if kind == "sla-policy" else settings.calendars
    return _after(kind, known, desired).keys()


def _promised(id: str) -> Callable[[Ticket], bool]:
    return lambda ticket: ticket.sla is not None and ticket.sla.policy.id == id


def _measured(id: str) -> Callable[[Ticket], bool]:
    def measured(ticket: Ticket) -> bool:
        calendar = ticket.sla.calendar if ticket.sla else None
        return calendar is not None and calendar.id == id

    return measured


def _having(desk: DeskInUse, taken: TakenAway) -> Iterator[str]:
    """The tickets that are neither closed nor spam and have it."""
    for row in _rows(desk, taken.columns):
        if taken.has(desk.load(f"ticket/{row['ticket']}") if taken.of_state else row):
            yield row["ticket"]


def _rows(desk: DeskInUse, columns: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for category in (*_ACTIVE, _SOLVED):
        rows = listed_tickets(desk, status_category=category, **columns)
        yield from (row for row in rows if not row["spam"])


def listed_tickets(desk: DeskInUse, **filters: str) -> Iterator[Mapping[str, Any]]:
    """The rows of all tickets of the view `tickets` that have what is asked, page by page."""
    from ticketlog.projections.views import tickets

    after: str | None = None
    while True:
        given: dict[str, Any] = {"after": after, "limit": _PAGE, **filters}
        page = desk.query(tickets.Tickets(**given))
        yield from page.rows
        after = page.next
        if after is None:
            return


class SettingsPlan(NamedTuple):
    """The plan of applying a settings file: its events, by stream; the things in use that it takes
    away; the moves that it or its sender states; texts that look like a secret."""

    changes: tuple[tuple[str, SettingChanged], ...]
    admins: tuple[str, ...]
    used: tuple[InUse, ...]
    moves: Moves
    warnings: tuple[str, ...]

    def goes(self, used: InUse) -> str | None:
        """The target of the move of a thing's tickets."""
        return self.moves.get((used.kind, used.id))

    def document(self) -> documents.Checked:
        from ticketlog.documents import settings as documents

        return documents.Checked.filled(
            changes=[{"stream": s, "change": documents.change(each)} for s, each in self.changes],
            in_use=[each.document(self.goes(each)) for each in self.used],
            admins=self.admins,
            warnings=self.warnings,
        )

    @property
    def stranded(self) -> list[InUse]:
        """The things without a move, whose tickets would be stranded."""
        return [each for each in self.used if not (each.keeps or self.goes(each))]


def plan(
    desk: DeskInUse, planned: PlannedSettings, given: Moves, warnings: tuple[str, ...]
) -> SettingsPlan:
    """Raises Invalid for a move to what won't be there."""
    check_moves(given, desk.settings, planned.wanted)
    used = tuple(in_use(desk, planned.wanted))
    return SettingsPlan(planned.changes, planned.admins, used, given, warnings)


def in_turn(given: Moves, settings: Settings) -> tuple[Moves, Moves]:
    """The moves that are made before the file is in force, and those after it. From an agent to
    another who works here already before: afterwards policies would make them wait for anybody."""
    early = {
        (kind, old): new
        for (kind, old), new in given.items()
        if kind == "agent" and new in settings.agents and settings.agents[new].active
    }
    return early, {key: new for key, new in given.items() if key not in early}


class Moved(NamedTuple):
    """Tickets that moved, and by ticket why it didn't."""

    moved: tuple[str, ...]
    stayed: Mapping[str, str]


class Moving(NamedTuple):
    """The actor who moves tickets, and the reason."""

    actor: Actor
    reason: str | None


def move(desk: DeskInUse, given: Moves, by: Moving) -> Moved:
    """Moves all tickets that aren't closed, each by a commit of its own. Called again it goes on
    where it stopped."""
    moved, stayed = [], dict[str, str]()
    for (kind, old), new in given.items():
        for ticket in list(_having(desk, _found_by(kind, old))):
            state: Ticket = desk.load(f"ticket/{ticket}")
            try:
                desk.execute(
                    _command(kind, old, new, state),
                    on=ticket,
                    actor=by.actor,
                    id=derived_id("move", kind, old, new, ticket, state.last_commit),
                    reason=by.reason,
                    channel="settings",
                )
                moved.append(ticket)
            except Refused as refusal:
                stayed[ticket] = str(refusal)
    return Moved(tuple(moved), stayed)


def _found_by(kind: str, old: str) -> TakenAway:
    """A thing that tickets are moved out of, also one that the settings don't know any more."""
    match kind:
        case "field":
            return TakenAway(kind, old, {}, _holding(old), of_state=True)
        case "option":
            field, _, option = old.rpartition("/")
            return TakenAway(kind, old, {}, _holding(field, option), of_state=True)
        case "agent":
            return TakenAway(
                kind, old, {"assignee": old}, lambda r: r["status_category"] != _SOLVED
            )
    return TakenAway(kind, old, {kind: old})


def _command(kind: str, old: str, new: str, ticket: Ticket) -> Command:
    match kind:
        case "status":
            return SetStatus(status=new)
        case "team":
            return Assign(team=new)
        case "agent":
            return Assign(assignee=new)
        case "priority":
            return Prioritise(priority=new, reason=f"priority {old} became {new}")
        case "field":
            return SetFields(fields={new: ticket.fields[old], old: None})
        case "option":
            field, _, option = old.rpartition("/")
            value = ticket.fields[field]
            return SetFields(fields={field: _with(value, option, new)})
    return Classify(**{kind: new})  # type: ignore[arg-type]


def _with(value: Any, option: str, new: str) -> Any:
    """A field's value with an option in the place of another."""
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(new if each == option else each for each in value))
    return new
