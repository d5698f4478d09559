"""The desk as one client of the Zendesk API reads it: with its actor's rights, under URLs as it
knows them, with numbers for ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ticketlog.application.party_documents import organisation_document, person_document
from ticketlog.desk import Desk
from ticketlog.documents.tickets import Ticket
from ticketlog.domain.base import Actor, Forbidden, NotFound, Recorded
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.state import Ticket as TicketState
from ticketlog.projections.views.changes import ChangedKind, ChosenStream
from ticketlog.projections.views.shared.stream_numbers import (
    chosen_number,
    made_id,
    number_of,
)
from ticketlog.projections.views.tickets import LinksTo

NOBODY = -1
"""The number of who acts without being a user: rules, imports, the desk itself."""
_AT_ONCE = 5_000
"""Tickets that one query asks about."""
_PERSONS = frozenset({"person", "requester", "end-user"})
_AGENTS = frozenset({"agent"})


class SettingTimes(NamedTuple):
    """The times of a thing of the settings, in microseconds, and the position of its last
    change."""

    created_at: int
    changed_at: int
    position: int


class TicketReading(NamedTuple):
    """A ticket: its document as the actor may read it, its state, and its events."""

    document: Mapping[str, Any]
    state: TicketState
    events: list[Recorded]


class PartyReading(NamedTuple):
    """A person or an organisation: the document, and the times of the first and last event in
    microseconds."""

    document: Mapping[str, Any]
    created_at: int
    changed_at: int


class Facade:
    """A desk for one actor. `server`: the URL of the server's root; `root`: what lies between it
    and `/api/v2`."""

    def __init__(self, desk: Desk, actor: Actor, server: str, root: str = "") -> None:
        """Raises Forbidden for an actor who isn't known, and for one from whom fields are hidden
        that these shapes always have. What end users don't read, they can leave out."""
        self.desk = desk
        self.actor = actor
        self.server = server
        self.root = server + root
        self.viewer = desk.viewer(actor)
        if self.viewer.hidden and not self.viewer.end_user:
            raise Forbidden(
                f"{actor.kind} {actor.id} may not read the desk in Zendesk's shapes, which have no "
                f"place for fields that are hidden ({', '.join(sorted(self.viewer.hidden))}): "
                "/api/v1 leaves them out"
            )
        self._links: dict[str, list[Mapping[str, str]]] = {}
        """The links to tickets that were looked up."""

    def url(self, place: str) -> str:
        """The URL of a place below `/api/v2`: 'tickets/1'."""
        return f"{self.root}/api/v2/{place}"

    @cached_property
    def settings(self) -> Settings:
        return self.desk.settings

    @cached_property
    def times(self) -> Mapping[str, SettingTimes]:
        """The things of the settings, 'team/network', with their times."""
        found: dict[str, SettingTimes] = {}
        for each in self.desk.settings_history():
            meta, name = each.meta, each.originator_id
            first = found.get(name)
            since = meta.recorded_at if first is None else first.created_at
            found[name] = SettingTimes(since, meta.recorded_at, meta.offset)
        return found

    def times_of(self, kind: str, id: str) -> SettingTimes:
        """The times of a thing of the settings; those of the first settings where it is older."""
        known = self.times
        return known.get(f"{kind}/{id}") or next(iter(known.values()), SettingTimes(0, 0, 0))

    def user(self, kind: str | None, id: str | None) -> int | None:
        """The number of a user: of an actor's kind, or that of an author."""
        if id is None:
            return None
        if kind in _AGENTS:
            return chosen_number("agent", id)
        return number_of("person", id) if kind in _PERSONS else NOBODY

    def agent(self, id: str | None) -> int | None:
        """The number of an agent."""
        return None if id is None else chosen_number("agent", id)

    def person(self, id: str | None) -> int | None:
        """The number of a person."""
        return None if id is None else number_of("person", id)

    def group(self, team: str | None) -> int | None:
        """The number of a team."""
        return None if team is None else chosen_number("team", team)

    def organisation(self, id: str | None) -> int | None:
        """The number of an organisation."""
        return None if id is None else number_of("organisation", id)

    def stream_id(self, kind: ChangedKind, number: int) -> str:
        """The id of a ticket, person or organisation. Raises NotFound."""
        id = made_id(number)
        if id is None and number > 0:
            id = self.desk.query(ChosenStream(kind=kind, number=number), actor=self.actor)
        if id is None:
            raise NotFound(f"there is no {kind} {number}")
        return id

    def know_links(self, ids: Sequence[str]) -> None:
        """Looks up the links to the tickets of a page, at once."""
        links = {id: list[Mapping[str, str]]() for id in ids}
        for start in range(0, len(ids), _AT_ONCE):
            query = LinksTo(tickets=tuple(ids[start : start + _AT_ONCE]))
            for each in self.desk.query(query, actor=self.actor):
                links[each["target"]].append(each)
        self._links |= links

    def ticket(self, id: str) -> TicketReading:
        """A ticket, also one that was withdrawn. Raises NotFound."""
        stream = f"ticket/{id}"
        state = self.desk.load(stream, actor=self.actor)
        events = self.desk.history(stream, actor=self.actor)
        if not state.exists:
            raise NotFound(f"{stream} doesn't exist")
        if id not in self._links:
            self.know_links([id])
        links = [{name: each[name] for name in ("kind", "ticket")} for each in self._links[id]]
        document = Ticket.made(state, events, links)
        return TicketReading(self.viewer.document(document).plain(), state, events)

    def person_of(self, id: str) -> PartyReading:
        """A person. Raises NotFound."""
        document = person_document(self.desk, id, at=None, remark=lambda _: None, actor=self.actor)
        return self._party(f"person/{id}", self.viewer.document(document).plain())

    def organisation_of(self, id: str) -> PartyReading:
        """An organisation. Raises NotFound."""
        document = organisation_document(self.desk, id, at=None, actor=self.actor)
        return self._party(f"organisation/{id}", self.viewer.document(document).plain())

    def _party(self, stream: str, document: Mapping[str, Any]) -> PartyReading:
        events = self.desk.history(stream, actor=self.actor)
        if not events:
            raise NotFound(f"{stream} doesn't exist")
        changed_at = max(each.meta.recorded_at for each in events)
        return PartyReading(document, events[0].meta.occurred_at, changed_at)
