"""Incremental exports of Zendesk's API: what changed since a time, or since a cursor.

A cursor is a place in the log, so that nothing is missed between two of them. A time is less exact:
what was under way then may be recorded with an earlier one, so an export that begins at a time
reaches a little behind it, and one that ends by time ends a little before now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import groupby
from typing import Any

from ticketlog.domain.base import Recorded, iso
from ticketlog.http.problems import Problem
from ticketlog.http.zendesk.answers import Answering, Given
from ticketlog.http.zendesk.audit_shapes import audit_shape, event_shapes
from ticketlog.http.zendesk.event_numbers import audit_number
from ticketlog.http.zendesk.metric_shapes import metric_events
from ticketlog.http.zendesk.pages import cursor_of, read_cursor, url_of
from ticketlog.http.zendesk.reading import NOBODY, Facade
from ticketlog.http.zendesk.ticket_shapes import ticket_number, via
from ticketlog.http.zendesk.tickets import includes, shaped
from ticketlog.http.zendesk.users import agent_shape, agents_of, party
from ticketlog.http.zendesk.words import DELETED, iso_s, seconds
from ticketlog.log.history import between
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.views.changes import ChangedKind, Changes, ChangesSince
from ticketlog.projections.views.shared.stream_numbers import number_of

OVERLAP_S = 60
"""Seconds that commits may be under way, or that clocks of writers may differ."""
MOST_EVENTS = 10_000
"""Metric events of a page; its clients stop reading soon after an end that is near to now."""
_SECOND = 1_000_000


def _since(given: Given) -> int:
    """The instant that an export begins at. Raises Problem 422."""
    since = given.moment("start_time")
    if since is None:
        raise Problem(422, "invalid", "start_time: say since when, in seconds since 1970")
    return since


def _first(facade: Facade, since: int) -> Cut:
    """The cut before everything that may have been recorded since an instant."""
    begin = max(since - OVERLAP_S * _SECOND, 0)
    return Cut(facade.desk.begin(iso(begin)), _first_settings(facade, begin))


def _first_settings(facade: Facade, since: int) -> int:
    positions = [each.position for each in facade.times.values() if each.changed_at >= since]
    return min(positions, default=facade.desk.cut().settings)


def _cut(facade: Facade, given: Given) -> Cut:
    """The cut that an export goes on from. Raises Problem 422."""
    cursor = read_cursor(given.query.get("cursor"))
    if cursor is None:
        return _first(facade, _since(given))
    found = Cut.parse(cursor)
    if found is None:
        raise Problem(422, "invalid", "cursor: give the one of an answer")
    return found


def _changed(facade: Facade, kind: ChangedKind, after: Cut, limit: int) -> dict[str, Any]:
    query = Changes(kind=kind, after=str(after), limit=limit)
    return facade.desk.query(query, actor=facade.actor)


def _cursored(
    facade: Facade, given: Given, name: str, things: Sequence[Any], cut: str, more: bool
) -> dict[str, Any]:
    cursor = cursor_of(cut)
    return {
        name: list(things),
        "after_cursor": cursor,
        "after_url": url_of(facade, given, {"cursor": cursor}, ("start_time",)),
        "before_cursor": None,
        "before_url": None,
        "end_of_stream": not more,
    }


def tickets_by_cursor(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets that changed behind a cursor, or since a time; those that were withdrawn with
    their import as deleted ones."""
    cut = _cut(facade, given)
    found = _changed(facade, "ticket", cut, given.size("per_page", 1_000))
    shapes = _tickets(facade, given, found["changes"])
    return _cursored(facade, given, "tickets", shapes, found["cut"], found["more"])


def _tickets(facade: Facade, given: Given, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    metrics = includes(given, "metric_sets")
    facade.know_links([row["id"] for row in rows])
    shapes = (
        deleted_shape(facade, row)
        if row["withdrawn"]
        else shaped(facade, row["id"], metrics=metrics)
        for row in rows
    )
    return [each for each in shapes if each is not None]


def deleted_shape(facade: Facade, row: Mapping[str, Any]) -> dict[str, Any]:
    """A ticket that is gone: that it was there, and since when it isn't any more."""
    number = number_of("ticket", row["id"])
    return {
        "url": facade.url(f"tickets/{number}.json"),
        "id": number,
        "status": DELETED,
        "subject": None,
        "description": None,
        "created_at": iso_s(row["created_at"]),
        "updated_at": iso_s(row["changed_at"]),
        "generated_timestamp": seconds(row["changed_at"]),
        "via": via(None),
        "tags": [],
        "custom_fields": [],
        "fields": [],
    }


def users_by_cursor(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The users that changed behind a cursor, or since a time: agents of the settings, then
    persons."""
    cut = _cut(facade, given)
    end = facade.desk.cut().settings
    agents = [
        agent_shape(facade, id)
        for id in agents_of(facade)
        if facade.times_of("agent", id).position >= cut.settings
    ]
    found = _changed(facade, "person", cut, given.size("per_page", 1_000))
    reached = Cut.parse(found["cut"]) or cut
    persons = [party(facade, "person", row["id"]) for row in found["changes"]]
    things = [*agents, *(each for each in persons if each is not None)]
    behind = str(reached._replace(settings=end))
    return _cursored(facade, given, "users", things, behind, found["more"])


def _timed(
    facade: Facade, given: Given, name: str, things: Sequence[Any], since: int, end: int | None
) -> dict[str, Any]:
    """A page by time. `end`: the second that the next one begins at; None: this is the last."""
    stop = max(seconds(since), int(time.time()) - OVERLAP_S) if end is None else end
    return {
        name: list(things),
        "count": len(things),
        "end_time": stop,
        "next_page": url_of(facade, given, {"start_time": stop}),
        "end_of_stream": end is None,
    }


def _behind(rows: Sequence[Mapping[str, Any]], limit: int) -> int | None:
    """The second behind a page of changes; None where the page is the last."""
    return seconds(rows[-1]["changed_at"]) + 1 if len(rows) >= limit else None


def _rows(facade: Facade, kind: ChangedKind, since: int, limit: int) -> list[dict[str, Any]]:
    query = ChangesSince(kind=kind, since=since, limit=limit)
    return facade.desk.query(query, actor=facade.actor)


def tickets_by_time(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tickets whose last change was recorded since a time, deleted ones too."""
    since, limit = _since(given), given.size("per_page", 1_000)
    rows = _rows(facade, "ticket", since, limit)
    shapes = _tickets(facade, given, rows)
    return _timed(facade, given, "tickets", shapes, since, _behind(rows, limit))


def users_by_time(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The users whose last change was recorded since a time."""
    since, limit = _since(given), given.size("per_page", 1_000)
    rows = _rows(facade, "person", since, limit)
    end = _behind(rows, limit)
    agents = [(facade.times_of("agent", id).changed_at, id) for id in agents_of(facade)]
    now = [id for at, id in agents if at >= since and (end is None or seconds(at) < end)]
    persons = (party(facade, "person", row["id"]) for row in rows)
    things = [*(agent_shape(facade, id) for id in now), *filter(None, persons)]
    return _timed(facade, given, "users", things, since, end)


def organisations_by_time(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The organisations whose last change was recorded since a time."""
    since, limit = _since(given), given.size("per_page", 1_000)
    rows = _rows(facade, "organisation", since, limit)
    things = [party(facade, "organisation", row["id"]) for row in rows]
    end = _behind(rows, limit)
    return _timed(facade, given, "organizations", [*filter(None, things)], since, end)


def _log_page(
    facade: Facade, since: int, limit: int, shapes: Any
) -> tuple[list[dict[str, Any]], int | None]:
    """The shapes of the commits of tickets since an instant, whole seconds of them, at least
    `limit` where there are so many; and the second behind them, None where they are the last."""
    start = facade.desk.begin(iso(since))
    events = facade.desk.subscribe(start, follow=False, actor=facade.actor)
    found: list[dict[str, Any]] = []
    last = 0
    for commit in _commits(events):
        second = seconds(commit[0].meta.recorded_at)
        if len(found) >= limit and second > last:
            return found, last + 1
        last = max(last, second)
        found.extend(shapes(facade, commit))
    return found, None


def _commits(events: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    """The commits of tickets among events."""
    place = groupby(events, key=lambda each: (each.meta.partition, each.meta.offset))
    for _, commit in place:
        whole = list(commit)
        if whole[0].originator_id.startswith("ticket/"):
            yield whole


def _ticket_event(
    facade: Facade, commit: Sequence[Recorded], *, comments: bool
) -> Iterator[dict[str, Any]]:
    first, meta = commit[0], commit[0].meta
    children = [
        _child(shape)
        for each in commit
        for shape in event_shapes(facade, each)
        if comments or shape["type"] != "Comment"
    ]
    author = facade.user(meta.actor.kind, meta.actor.id)
    yield {
        "id": audit_number(meta),
        "ticket_id": ticket_number(first.originator_id),
        "event_type": "Audit",
        "timestamp": seconds(meta.recorded_at),
        "created_at": iso_s(meta.occurred_at),
        "updater_id": NOBODY if author is None else author,
        "via": via(meta.channel, first)["channel"],
        "system": {},
        "metadata": {},
        "child_events": children,
    }


def _child(shape: Mapping[str, Any]) -> dict[str, Any]:
    """An event of an audit as exports of events write it: the field's name is the key."""
    said = {name: value for name, value in shape.items() if name not in ("field_name", "type")}
    if "field_name" in shape:
        said[shape["field_name"]] = said.pop("value")
    return {**said, "event_type": shape["type"]}


def ticket_events(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The commits of tickets since a time; their comments where they are asked for."""
    since, limit = _since(given), given.size("per_page", 1_000)
    shapes = partial(_ticket_event, comments=includes(given, "comment_events"))
    found, end = _log_page(facade, since, limit, shapes)
    return _timed(facade, given, "ticket_events", found, since, end)


def ticket_metric_events(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The changes of the clocks of tickets since a time."""
    since, limit = _since(given), given.size("per_page", MOST_EVENTS, MOST_EVENTS)

    def shapes(facade: Facade, commit: Sequence[Recorded]) -> Iterator[dict[str, Any]]:
        for each in commit:
            yield from metric_events(facade, each)

    found, end = _log_page(facade, since, limit, shapes)
    return _timed(facade, given, "ticket_metric_events", found, since, end)


def all_audits(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The audits of all tickets, the latest first; `before_url` has the ones before them. Raises
    Problem 422."""
    cursor = read_cursor(given.query.get("cursor"))
    end = facade.desk.cut() if cursor is None else Cut.parse(cursor)
    if end is None:
        raise Problem(422, "invalid", "cursor: give the one of an answer")
    limit, ends, audits = given.size("limit"), list(end.ends), []
    for commit in _latest_first(facade, ends):
        meta = commit[0].meta
        ends[meta.partition] = meta.offset
        audits.append(audit_shape(facade, ticket_number(commit[0].originator_id), commit, {}))
        if len(audits) >= limit:
            break
    before = cursor_of(str(Cut(tuple(ends), end.settings))) if len(audits) >= limit else None
    return {
        "audits": audits,
        "before_cursor": before,
        "before_url": before and url_of(facade, given, {"cursor": before}),
        "after_cursor": None,
        "after_url": None,
    }


def _latest_first(facade: Facade, ends: Sequence[int]) -> Iterator[list[Recorded]]:
    """The commits of tickets before these places, by the time of recording."""
    parts = [_backwards(facade, partition, end) for partition, end in enumerate(ends)]
    yield from merge(*parts, key=lambda commit: commit[0].meta.recorded_at, reverse=True)


def _backwards(facade: Facade, partition: int, end: int) -> Iterator[list[Recorded]]:
    """The commits of a partition's tickets before an offset, the latest first."""
    while end > 0:
        start = max(end - _BACK, 0)
        records = between(facade.desk.log, partition, start, end)
        yield from reversed(list(_commits(facade.desk.as_read(records, actor=facade.actor))))
        end = start


_BACK = 50
"""Records that are read at once of a partition."""


PATHS: Mapping[str, Answering] = {
    "ticket_audits": all_audits,
    "incremental/tickets": tickets_by_time,
    "incremental/tickets/cursor": tickets_by_cursor,
    "incremental/users": users_by_time,
    "incremental/users/cursor": users_by_cursor,
    "incremental/organizations": organisations_by_time,
    "incremental/ticket_events": ticket_events,
    "incremental/ticket_metric_events": ticket_metric_events,
}
