"""Access: the rights and the sight of each actor, decided in one place for every way in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from ticketlog.application import access_table
from ticketlog.documents.base import Document
from ticketlog.domain import rights, roles
from ticketlog.domain.aggregates import RIGHTS
from ticketlog.domain.base import Actor, Event, Forbidden, Recorded, Refused, kind_and_id
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.parties.organisation import Organisation
from ticketlog.domain.parties.person import Person
from ticketlog.domain.rights import Load, check_known, same_person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sight import EVERYTHING, Sight, acting_roles, granting, sight_of
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.conversation import AttachmentAdded, Redacted
from ticketlog.domain.ticket.relations import Linked, Unlinked
from ticketlog.domain.ticket.state import Ticket

if TYPE_CHECKING:
    from ticketlog.projections.engine.query import Query

T = TypeVar("T")
D = TypeVar("D", bound=Document)
READ = "query:ticket"
"""The right by which single streams are read."""
_MOST = 1_000
"""Viewers that are kept."""
_NONE = Ticket()
_HOLD_FIELDS = ("fields", "personal_fields", "old", "new", "personal_old", "personal_new")
"""Fields of events that hold custom fields by their names, where they hold a mapping."""


class AccessRecorder(Protocol):
    """The log of access (`application.access_log`), as reads write to it: what is told stands in it
    when these return. They raise where it can't be written."""

    def refused(
        self, actor: Actor | None, what: str, why: Refused, *, on: tuple[str, ...] = ()
    ) -> None: ...
    def read(self, actor: Actor | None, what: str, *, on: tuple[str, ...]) -> None: ...
    def exported(
        self, actor: Actor | None, what: str, *, cut: str | None = None, on: tuple[str, ...] = ()
    ) -> None: ...


class Viewer:
    """The rights and the sight of one actor, by the settings and the states of now.

    The actor None is the program that opened the desk, and the desk itself: nothing is hidden from
    it.
    """

    def __init__(self, actor: Actor | None, settings: Settings, load: Load) -> None:
        """Raises Forbidden for an actor who isn't known."""
        self.actor = actor
        self.settings = settings
        self._load = load
        self._sights: dict[str, Sight] = {}
        self.roles: frozenset[str] = frozenset()
        if actor is not None:
            check_known(actor, settings, load)
            self.roles = acting_roles(actor, settings)

    @property
    def end_user(self) -> bool:
        """Whether the actor asks, and doesn't work on tickets: they read what is public."""
        return self.actor is not None and self.actor.kind == "person"

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The classes of fields, and the single fields, that none of the actor's roles reads."""
        if self.actor is None or not self.roles:
            return frozenset()
        each = [frozenset(roles.role_of(role, self.settings).hides) for role in self.roles]
        return frozenset.intersection(*each)

    @cached_property
    def unread_fields(self) -> frozenset[str]:
        """The custom fields that the actor doesn't read."""
        if self.actor is None:
            return frozenset()
        return frozenset(
            field.id
            for field in self.settings.fields.values()
            if field.id in self.hidden or not roles.reads_field(self.roles, field, self.settings)
        )

    @cached_property
    def reads_every_field(self) -> bool:
        """Whether no field of a document is kept from the actor."""
        return not self.hidden and not self.unread_fields

    @cached_property
    def key(self) -> Hashable:
        """The same of all viewers who see exactly the same of everything."""
        if self.actor is None:
            return ("everything",)
        sight, position = self.sight(READ), self.settings.position
        if self.unlimited:
            return ("everything",)
        if self.end_user or not sight.every:
            return (self.actor.kind, self.actor.id, self.roles, position)
        return (self.roles, sight.closed, position)

    @cached_property
    def unlimited(self) -> bool:
        """Whether nothing is hidden from the actor."""
        if self.actor is None:
            return True
        everything = all(
            roles.named_in(roles.role_of(role, self.settings).queries, "*") for role in self.roles
        )
        hides = self.end_user or self.hidden or self.unread_fields
        return everything and not hides and not self.sight(READ).limited

    def may(self, right: str) -> bool:
        """Whether the actor has a right: the name of a command or of an act, 'query:NAME',
        'report:NAME'. What a command's stream decides is another question (`Desk.may`)."""
        return self._why_not(right) is None

    def check(self, right: str) -> None:
        """Raises Forbidden where the actor hasn't the right."""
        why = self._why_not(right)
        if why is not None:
            raise why

    def _why_not(self, right: str) -> Forbidden | None:
        if self.actor is None:
            return None
        kind, colon, name = right.partition(":")
        if colon:
            table = access_table.REPORTS if kind == "report" else access_table.QUERIES
            if name in table and granting(self.actor, right, self.settings):
                return None
            return Forbidden(
                f"{self.actor.kind} {self.actor.id} may not ask for {name}: none of their roles "
                f"({', '.join(sorted(self.roles))}) does; an admin gives it to one by "
                f"`ticketlog settings apply FILE` with [roles.ID] "
                f"{'reports' if kind == 'report' else 'queries'}",
                right=right,
            )
        try:
            if right in rights.ACTS:
                rights.check_act(right, self.actor, self.settings, self._load)
            else:
                known = RIGHTS.get(right, rights.Right(right))
                rights.check_sends(known, None, self.actor, self.settings, self._load)
        except Forbidden as error:
            return error
        return None

    def sight(self, right: str = READ) -> Sight:
        """The tickets that the actor sees by a right."""
        if self.actor is None:
            return EVERYTHING
        found = self._sights.get(right)
        if found is None:
            by = granting(self.actor, right, self.settings)
            found = sight_of(self.actor, by, self.settings, self._load)
            self._sights[right] = found
        return found

    def sees(self, stream: str, right: str = READ) -> bool:
        """Whether the actor may read a stream ('ticket/ID', 'person/ID', ...) by a right."""
        if self.actor is None:
            return True
        kind, id = kind_and_id(stream)
        if kind != TICKET:
            return self._sees_other(kind, id)
        sight = self.sight(right)
        return not sight.limited or sight.covers(self._load(stream), self._load)

    def sees_state(self, state: Any, right: str = READ) -> bool:
        """Whether the actor may read the stream of a state."""
        if self.actor is None:
            return True
        if isinstance(state, Ticket):
            sight = self.sight(right)
            return not sight.limited or sight.covers(state, self._load)
        kinds = {Person: "person", Organisation: "organisation", AgentAtWork: "agent"}
        kind = next((name for of, name in kinds.items() if isinstance(state, of)), "")
        return self._sees_other(kind, state.id)

    def _sees_other(self, kind: str, id: str) -> bool:
        """Whether the actor may read a stream that is no ticket: an end user themselves and their
        organisation; who works on tickets also persons, organisations and agents; the desk's own
        streams, which may name any ticket, who sees every ticket."""
        assert self.actor is not None
        if self.end_user:
            own = self._load(f"person/{self.actor.id}")
            if kind == "person":
                return same_person(self.actor.id, id, self._load)
            return kind == "organisation" and own.organisation == id
        if kind in ("person", "organisation", "agent"):
            return True
        return not self.sight(READ).limited

    def event(self, recorded: Recorded, right: str = READ) -> Recorded | None:
        """The event with what the actor may not read left out; None: it isn't for them."""
        if self.unlimited:
            return recorded
        return self.shown(recorded, right) if self.sees(recorded.originator_id, right) else None

    def shown(self, recorded: Recorded, right: str = READ) -> Recorded | None:
        """The same of an event whose stream the actor sees."""
        if self.unlimited:
            return recorded
        event = recorded.event
        if isinstance(event, Linked | Unlinked) and not self.sees(event.target, right):
            return None
        if self.end_user:
            return self._public(recorded)
        shown = self._without_tickets(self._without_fields(event), right)
        return None if shown is None else recorded._replace(event=shown)

    def _public(self, recorded: Recorded) -> Recorded | None:
        event, own = recorded.event, not recorded.originator_id.startswith("ticket/")
        names = frozenset(type(event).model_fields) if own else None
        names = names or access_table.PUBLIC_EVENTS.get(event.NAME)
        if names is None or getattr(event, "direction", None) == "internal":
            return None
        about = getattr(event, "comment", None) or getattr(event, "target", None)
        of_text = isinstance(event, AttachmentAdded | Redacted) and about is not None
        if of_text and about in self._internal_texts(recorded.originator_id):
            return None
        if "description" in names and not getattr(event, "description_public", True):
            names -= {"description"}
        shown = self._without_fields(_only(event, names))
        meta, actor = recorded.meta, recorded.meta.actor
        meta = meta._replace(
            actor=actor._replace(role=None, on_behalf_of=None, authenticated=None),
            source=None,
            reason=None,
            cause=None,
            correlation=None,
            claimed_at=None,
            settings=0,
        )
        return recorded._replace(event=shown, meta=meta)

    def _internal_texts(self, stream: str) -> frozenset[str]:
        """The ids of a ticket's comments, attachments to them, and description, that aren't
        public."""
        ticket: Ticket = self._load(stream)
        refs = [*ticket.comments, *([ticket.description] if ticket.description else [])]
        ids = {ref.id for ref in refs if not ref.public}
        attached = {each.id for each in ticket.attachments if each.comment in ids}
        return frozenset(ids | attached)

    def _without_fields(self, event: Event) -> Event:
        """The event without the custom fields, and the fields of hidden classes, that the actor
        doesn't read."""
        changed: dict[str, Any] = {}
        for name in _HOLD_FIELDS if self.unread_fields else ():
            held = getattr(event, name, None)
            if isinstance(held, Mapping) and not self.unread_fields.isdisjoint(held):
                changed[name] = self._read_of(held)
        if changed:
            event = event.model_copy(update=changed)
        if self.end_user or not self.hidden:
            return event
        names = frozenset(type(event).model_fields)
        personal = frozenset(event.PERSONAL) if "personal" in self.hidden else frozenset[str]()
        return _only(event, names - self.hidden - personal)

    def _without_tickets(self, event: Event, right: str) -> Event | None:
        """The event of an agent without the tickets that the actor doesn't see; None: there is
        nothing else in it."""
        ticket, tickets = getattr(event, "ticket", None), getattr(event, "tickets", None)
        if isinstance(ticket, str) and not self.sees(_ticket(ticket), right):
            return None
        if isinstance(tickets, Mapping):
            seen = {key: each for key, each in tickets.items() if self.sees(_ticket(key), right)}
            if len(seen) < len(tickets):
                return event.model_copy(update={"tickets": seen}) if seen else None
        return event

    def _read_of(self, held: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in held.items() if name not in self.unread_fields}

    def state(self, state: T) -> T:
        """A state without what the actor may not read of it."""
        if self.unlimited:
            return state
        if isinstance(state, AgentAtWork):
            held = {key: each for key, each in state.held.items() if self.sees(_ticket(key))}
            return cast("T", replace(state, held=held))
        if not isinstance(state, Ticket) or not state.exists:
            return state
        changed: dict[str, Any] = {"fields": self._read_of(state.fields), "sound": None}
        changed["links"] = tuple(link for link in state.links if self.sees(link.target))
        if self.end_user:
            refs = tuple(ref for ref in state.comments if ref.public)
            changed["comment_pages"] = (refs,) if refs else ()
            hidden = {ref.id for ref in state.comments if not ref.public}
            if state.description is not None and not state.description.public:
                hidden.add(state.description.id)
            changed["attachments"] = tuple(
                each for each in state.attachments if each.comment not in hidden
            )
            if state.description is not None and not state.description.public:
                changed["description"] = None
        for name in (each.name for each in fields_of(Ticket)):
            if name not in changed and name not in _KEPT and self._hides(name, "Ticket"):
                changed[name] = getattr(_NONE, name)
        return cast("T", state.but(changed))

    def _hides(self, name: str, document: str) -> bool:
        """Whether a field of a document is hidden: by its class, or by its name. One without an
        entry is hidden from all from whom any class is."""
        if not self.hidden:
            return False
        table = access_table.FIELDS
        of = table.get(f"{document}.{name}") or table.get(name)
        return of is None or of in self.hidden or name in self.hidden

    def document(self, document: D) -> D:
        """The document without the fields that the actor may not read."""
        if self.reads_every_field:
            return document
        return cast("D", self._shown(document))

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Document):
            model = type(value)
            kept: dict[str, Any] = {}
            for name in value.model_fields_set:
                if not self._hides(name, model.__name__):
                    kept[name] = self._shown(getattr(value, name))
            if model.__name__ == "Ticket" and isinstance(kept.get("fields"), Mapping):
                kept["fields"] = self._read_of(kept["fields"])
            return model.model_construct(_fields_set=set(kept), **kept)
        if isinstance(value, list):
            return [self._shown(each) for each in value]
        return value

    def answer(self, query: Query[Any], answer: T) -> T:
        """The plain answer of a query without the fields that the actor may not read."""
        if not self.hidden:
            return answer
        from ticketlog.application.hidden_fields import without

        return cast("T", without(query, answer, self._hides))

    def check_conditions(self, names: Iterable[str]) -> None:
        """Raises Forbidden where an actor would choose or count by a field that they don't read."""
        for name in names:
            field = _FIELD_OF.get(name, name)
            if field not in _SETTINGS_OF_QUERIES and self._hides(field, ""):
                who = f"{self.actor.kind} {self.actor.id}" if self.actor else "operator"
                raise Forbidden(
                    f"{who} may not choose or count by {name}: it is a field that none of their "
                    f"roles ({', '.join(sorted(self.roles))}) reads; leave it out",
                    field=name,
                )


_KEPT = frozenset({"id", "version", "clock", "changed", "comment_pages", "withdrawn", "sla"})
"""Fields of a state without which it isn't one, or that say nothing that documents show."""
_FIELD_OF = {"tag": "tags", "unassigned": "assignee", "public_only": "public", "words": "subject"}
"""Parameter of a query -> the field that it chooses by."""
_SETTINGS_OF_QUERIES = frozenset(
    {"limit", "after", "skip", "now", "as_held", "start", "end", "period", "zone", "window"}
    | {"thresholds", "selves", "text", "addresses", "by", "where", "breached", "until", "ends"}
)
"""Parameters that choose by no field."""


def _ticket(name: str) -> str:
    return name if "/" in name else f"{TICKET}/{name}"


def _only(event: Event, names: frozenset[str]) -> Event:
    """The event with these of its fields; the other ones aren't there."""
    kept = {name: getattr(event, name) for name in event.model_fields_set if name in names}
    return type(event).model_construct(_fields_set=set(kept), **kept)


class Access:
    """The settings in force and the states of streams by which it is decided who may what: those
    of now, whatever moment is asked about. Thread-safe."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        load: Load,
        recorder: Callable[[], AccessRecorder | None] = lambda: None,
        permitted: Callable[[Actor, str], None] = lambda actor, right: None,
    ) -> None:
        """`permitted`: raises Forbidden for a right that isn't in the scope of the token that the
        actor came with."""
        self.settings = settings
        self.load = load
        self._recorder = recorder
        self._permitted = permitted
        self._viewers: dict[Actor, Viewer] = {}
        self._operator = Viewer(None, Settings(), load)

    def viewer(self, actor: Actor | None, load: Load | None = None) -> Viewer:
        """The viewer of an actor. None: the operator, who may read the desk's files, or the desk
        itself. `load`: the states of streams, where they are to be read in another way. Raises
        Forbidden for an actor who isn't known."""
        if actor is None:
            return self._operator
        settings = self.settings()
        found = self._viewers.get(actor)
        if found is not None and found.settings is settings:
            return found
        if actor.kind == "person":  # Their own stream decides about them, too.
            return Viewer(actor, settings, load or self.load)
        found = Viewer(actor, settings, self.load)
        if len(self._viewers) >= _MOST:
            self._viewers.clear()
        self._viewers[actor] = found
        return found

    def check(self, actor: Actor | None, right: str, *on: str) -> Viewer:
        """The viewer of an actor who has a right. Raises Forbidden, which is recorded."""
        try:
            viewer = self.viewer(actor)
            viewer.check(right)
            if actor is not None:
                self._permitted(actor, right)
        except Forbidden as error:
            self.refused(actor, right, error, on)
            raise
        return viewer

    def refused(
        self, actor: Actor | None, right: str, why: Refused, on: Iterable[str] = ()
    ) -> None:
        """Records a refusal, before it is told."""
        recorder = self._recorder()
        if recorder is not None and actor is not None:
            recorder.refused(actor, right, why, on=tuple(on))

    def read(self, actor: Actor | None, right: str, on: Iterable[str]) -> None:
        """Records that an actor reads restricted tickets, before they get them."""
        streams, recorder = tuple(on), self._recorder()
        if streams and recorder is not None and actor is not None:
            recorder.read(actor, right, on=streams)

    def exported(self, actor: Actor | None, what: str, *, cut: str | None = None) -> None:
        """Records that an actor takes something out, before they get it."""
        recorder = self._recorder()
        if recorder is not None and actor is not None:
            recorder.exported(actor, what, cut=cut)

    def scope_of(self, actor: Actor | None, report: str) -> str | None:
        """The tickets that a report is made of for an actor, in words; None: all."""
        sight = self.viewer(actor).sight(f"report:{report}")
        return str(sight) if sight.limited else None

    def is_restricted(self, state: Any) -> bool:
        """Whether a state is that of a ticket that only some may see."""
        return isinstance(state, Ticket) and state.team in self.settings().restricted_teams
