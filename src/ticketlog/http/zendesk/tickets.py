"""Paths of tickets, their comments, audits and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ticketlog.domain.base import NotFound
from ticketlog.http.zendesk.answers import Answering, Given
from ticketlog.http.zendesk.audit_shapes import audits_of
from ticketlog.http.zendesk.metric_shapes import metric_set
from ticketlog.http.zendesk.pages import Listing, Part, kept, paged
from ticketlog.http.zendesk.reading import Facade, TicketReading
from ticketlog.http.zendesk.ticket_shapes import (
    rating_shape,
    ticket_shape,
    told,
)
from ticketlog.projections.views.changes import Ratings
from ticketlog.projections.views.shared.stream_numbers import number_of
from ticketlog.projections.views.tickets import NumberedTickets, TicketCounts, Tickets


def listing_of(facade: Facade, **where: Any) -> Listing:
    """The listing of the tickets that have these values: their ids, the newest first."""

    def part(after: str | None, limit: int) -> Part:
        query = Tickets(**where, limit=limit, after=after)
        page = facade.desk.query(query, actor=facade.actor)
        ids = [row["ticket"] for row in page.rows]
        facade.know_links(ids)
        return Part(ids, page.next)

    return part


def ticket_of(facade: Facade, id: str) -> TicketReading | None:
    """A ticket; None where it went meanwhile, or isn't for the actor."""
    try:
        return facade.ticket(id)
    except NotFound:
        return None


def shaped(facade: Facade, id: str, *, metrics: bool = False) -> dict[str, Any] | None:
    """A ticket in its shape, with its metrics where they are asked for."""
    reading = ticket_of(facade, id)
    if reading is None:
        return None
    shape = ticket_shape(facade, reading)
    return shape | {"metric_set": metric_set(facade, reading)} if metrics else shape


def includes(given: Given, name: str) -> bool:
    """Whether a client wants more of this name beside what it asks."""
    return name in given.query.get("include", "").split(",")


def _listed(facade: Facade, given: Given, **where: Any) -> dict[str, Any]:
    metrics = includes(given, "metric_sets")
    shape = partial(shaped, facade, metrics=metrics)
    count = None if where else partial(_count, facade)
    return paged(facade, given, "tickets", listing_of(facade, **where), shape, count)


def _count(facade: Facade) -> int:
    counted = facade.desk.query(TicketCounts(by=("spam",)), actor=facade.actor)
    return sum(row["tickets"] for row in counted)


def tickets(facade: Facade, given: Given) -> Mapping[str, Any]:
    """Tickets, the newest first; or those that another system knows by a number."""
    external = given.query.get("external_id")
    if external is None:
        return _listed(facade, given)
    query = NumberedTickets(number=external)
    ids = facade.desk.query(query, actor=facade.actor)
    return paged(facade, given, "tickets", kept(ids), partial(shaped, facade))


def several(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets of these numbers, without those that there aren't."""
    ids = [_id(facade, number) for number in given.numbers("ids")]
    found = [shaped(facade, id) for id in ids if id is not None]
    there = [each for each in found if each is not None]
    return {"tickets": there, "next_page": None, "previous_page": None, "count": len(there)}


def _id(facade: Facade, number: int) -> str | None:
    try:
        return facade.stream_id("ticket", number)
    except NotFound:
        return None


def read(facade: Facade, given: Given) -> TicketReading:
    """The ticket of the path. Raises NotFound, also for one that was withdrawn."""
    found = facade.ticket(facade.stream_id("ticket", given.number))
    if found.state.withdrawn:
        raise NotFound(f"ticket {given.number} was withdrawn with its import")
    return found


def ticket(facade: Facade, given: Given) -> Mapping[str, Any]:
    """One ticket."""
    reading = read(facade, given)
    body: dict[str, Any] = {"ticket": ticket_shape(facade, reading)}
    if includes(given, "metric_sets"):
        body["ticket"]["metric_set"] = metric_set(facade, reading)
    return body


def comments(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The comments of a ticket, the oldest first."""
    listing = told(facade, read(facade, given).events)
    if given.query.get("sort_order", "") == "desc" or given.query.get("sort") == "-created_at":
        listing.reverse()
    return paged(facade, given, "comments", kept(listing), dict, partial(len, listing))


def audits(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The audits of a ticket, the oldest first."""
    found = audits_of(facade, given.number, read(facade, given).events)
    return paged(facade, given, "audits", kept(found), dict, partial(len, found))


def tags(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tags of a ticket."""
    return {"tags": list(read(facade, given).document.get("tags") or ())}


def incidents(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The incidents of a problem."""
    back = read(facade, given).document.get("linked_by") or ()
    ids = [each["ticket"] for each in back if each["kind"] == "problem"]
    return paged(facade, given, "tickets", kept(ids), partial(shaped, facade))


def metrics(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The metrics of a ticket."""
    return {"ticket_metric": metric_set(facade, read(facade, given))}


def all_metrics(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The metrics of tickets, the newest ones first."""

    def shape(id: str) -> dict[str, Any] | None:
        reading = ticket_of(facade, id)
        return None if reading is None else metric_set(facade, reading)

    return paged(
        facade, given, "ticket_metrics", listing_of(facade), shape, partial(_count, facade)
    )


def of_organisation(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets of an organisation."""
    id = facade.stream_id("organisation", given.number)
    facade.organisation_of(id)
    return _listed(facade, given, organisation=id)


def requested(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets that a person asked for."""
    id = facade.stream_id("person", given.number)
    facade.person_of(id)
    return _listed(facade, given, requester=id)


def assigned(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets of an agent. Raises NotFound."""
    for id in facade.settings.agents:
        if facade.agent(id) == given.number:
            return _listed(facade, given, assignee=id)
    raise NotFound(f"no agent has the number {given.number}")


def ratings(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The answers of requesters to how satisfied they are, the oldest first."""
    since, until = given.moment("start_time"), given.moment("end_time")

    def part(after: str | None, limit: int) -> Part:
        query = Ratings(since=since, until=until, limit=limit, after=after)
        page = facade.desk.query(query, actor=facade.actor)
        return Part([(row["ticket"], row["version"]) for row in page.rows], page.next)

    def shape(key: tuple[str, int]) -> dict[str, Any] | None:
        ticket, version = key
        events = facade.desk.history(f"ticket/{ticket}", actor=facade.actor)
        found = (each for each in events if each.originator_version == version)
        return next(
            (rating_shape(facade, number_of("ticket", ticket), each) for each in found), None
        )

    return paged(facade, given, "satisfaction_ratings", part, shape)


PATHS: Mapping[str, Answering] = {
    "tickets": tickets,
    "tickets/show_many": several,
    "tickets/recent": tickets,
    "tickets/{id}": ticket,
    "tickets/{id}/comments": comments,
    "tickets/{id}/audits": audits,
    "tickets/{id}/tags": tags,
    "tickets/{id}/incidents": incidents,
    "tickets/{id}/metrics": metrics,
    "ticket_metrics": all_metrics,
    "organizations/{id}/tickets": of_organisation,
    "users/{id}/tickets/requested": requested,
    "users/{id}/tickets/assigned": assigned,
    "satisfaction_ratings": ratings,
}
