"""Search in Zendesk's language of queries: `type:ticket status<solved created>2026-01-01 vpn`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from ticketlog.domain.base import NotFound, instant
from ticketlog.domain.settings.model import Settings
from ticketlog.http.problems import Problem
from ticketlog.http.zendesk.answers import Answering, Given
from ticketlog.http.zendesk.pages import kept, paged
from ticketlog.http.zendesk.reading import Facade
from ticketlog.http.zendesk.tickets import shaped
from ticketlog.http.zendesk.users import agent_shape, agents_of, group_shape, party
from ticketlog.http.zendesk.words import PRIORITIES, iso_s
from ticketlog.projections.views.changes import ChangedKind, Changes
from ticketlog.projections.views.persons import Persons
from ticketlog.projections.views.search import Search

MOST = 1_000
"""Results at most, as in Zendesk; exports have all."""
_LOOKED_AT = 10_000
"""Things at most that one search looks at."""
_TERM = re.compile(
    r'(?P<minus>-?)(?:(?P<field>[A-Za-z_]+)(?P<sign>[:<>]=?|[<>])(?P<value>"[^"]*"|\S*)'
    r'|(?P<words>"[^"]*"|\S+))'
)
_TYPES = ("ticket", "user", "organization", "group")
_ORDER = ("new", "open", "pending", "hold", "solved", "closed")


class Term(NamedTuple):
    """A condition of a search: a field, a sign (':', '<', '>', '<=', '>='), and a value."""

    field: str
    sign: str
    value: str
    minus: bool = False


class SearchWords(NamedTuple):
    """A search, taken apart: its conditions, and the words to be found."""

    terms: list[Term]
    words: str

    @property
    def types(self) -> list[str]:
        """The kinds of things that are looked for; none named: tickets, users, organisations."""
        said = [each.value.lower() for each in self.terms if each.field == "type"]
        return said or list(_TYPES[:3])


def parsed(query: str) -> SearchWords:
    """The parts of a query. Raises Problem 422 for a type that there isn't."""
    terms, words = [], []
    for found in _TERM.finditer(query):
        if found["field"]:
            value = found["value"].strip('"')
            term = Term(found["field"].lower(), found["sign"], value, bool(found["minus"]))
            if term.field == "type" and term.value.lower() not in _TYPES:
                kinds = ", ".join(_TYPES)
                raise Problem(422, "invalid", f"type: {value[:40]!r} is none of {kinds}")
            terms.append(term)
        elif not found["minus"]:
            words.append(found["words"])
        else:
            terms.append(Term("", ":", found["words"].strip('"'), minus=True))
    return SearchWords(terms, " ".join(words))


def search(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The things that match a query, the latest changed first. Raises Problem 422."""
    found = _found(facade, given)
    return paged(facade, given, "results", kept(found), dict, partial(len, found))


def count(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The number of things that match a query."""
    return {"count": len(_found(facade, given))}


def _found(facade: Facade, given: Given) -> list[dict[str, Any]]:
    said = parsed(given.query.get("query", ""))
    wanted = given.query.get("filter[type]")
    kinds = [wanted] if wanted in _TYPES else said.types
    found = [
        {**shape, "result_type": kind} for kind in kinds for shape in _of_kind(facade, kind, said)
    ]
    by = given.query.get("sort_by", given.query.get("sort", "updated_at"))
    key = by if by in ("created_at", "updated_at", "status", "priority") else "updated_at"
    descending = given.query.get("sort_order", "desc") != "asc"
    found.sort(key=lambda each: _sortable(key, each.get(key)), reverse=descending)
    return found[:MOST]


def _sortable(key: str, value: Any) -> Any:
    if key == "status":
        return _ORDER.index(value) if value in _ORDER else -1
    if key == "priority":
        return -PRIORITIES.index(value) if value in PRIORITIES else -len(PRIORITIES)
    return value or ""


def _of_kind(facade: Facade, kind: str, said: SearchWords) -> Iterator[dict[str, Any]]:
    sources: Mapping[str, Callable[[], Iterator[dict[str, Any] | None]]] = {
        "ticket": lambda: _tickets(facade, said.words),
        "user": lambda: _users(facade, said.words),
        "organization": lambda: _organisations(facade, said.words),
        "group": lambda: (group_shape(facade, id) for id in facade.settings.teams),
    }
    terms = [_test(facade, term, kind) for term in said.terms if term.field != "type"]
    n = 0
    for shape in sources[kind]():
        if shape is not None and all(test(shape) for test in terms):
            yield shape
            n += 1
            if n >= MOST:
                return


def _tickets(facade: Facade, words: str) -> Iterator[dict[str, Any] | None]:
    if not words:
        ids = list(_latest(facade, "ticket"))
    elif words.isdecimal() and len(words) < 20:
        ids = [_ticket_id(facade, int(words)) or ""]
    else:
        hits = facade.desk.query(Search(words=words, limit=MOST), actor=facade.actor)
        ids = list(dict.fromkeys(hit["ticket"] for hit in hits))
    for id in ids:
        yield shaped(facade, id) if id else None


def _ticket_id(facade: Facade, number: int) -> str | None:
    try:
        return facade.stream_id("ticket", number)
    except NotFound:
        return None


def _latest(facade: Facade, kind: ChangedKind) -> Iterator[str]:
    query = Changes(kind=kind, limit=_LOOKED_AT)
    found = facade.desk.query(query, actor=facade.actor)["changes"]
    for row in reversed(found):
        if not row["withdrawn"]:
            yield row["id"]


def _users(facade: Facade, words: str) -> Iterator[dict[str, Any] | None]:
    for id in agents_of(facade):
        shape = agent_shape(facade, id)
        if words.casefold() in f"{shape['name']} {id}".casefold():
            yield shape
    if words:
        cards = facade.desk.query(Persons(text=words.strip('"'), limit=MOST), actor=facade.actor)
        ids = [each["person"] for each in cards]
    else:
        ids = list(_latest(facade, "person"))
    for id in ids:
        yield party(facade, "person", id)


def _organisations(facade: Facade, words: str) -> Iterator[dict[str, Any] | None]:
    for id in _latest(facade, "organisation"):
        shape = party(facade, "organisation", id)
        if shape and words.strip('"').casefold() in (shape["name"] or "").casefold():
            yield shape


Test = Callable[[Mapping[str, Any]], bool]


def _test(facade: Facade, term: Term, kind: str) -> Test:
    """Whether a thing meets a condition. Raises Problem 422 for a field that isn't known."""
    test = _made(facade, term, kind)
    return (lambda shape: not test(shape)) if term.minus else test


def _made(facade: Facade, term: Term, kind: str) -> Test:
    field, value = term.field, term.value
    if field in ("created", "updated", "solved", "due_date"):
        return _in_time(term)
    if field in ("updated_at", "created_at"):
        return _in_time(term._replace(field=field.removesuffix("_at")))
    if field in ("status", "priority"):
        return _in_order(term)
    if field == "tags":
        wanted = value.split()
        return lambda shape: any(each in shape.get("tags", ()) for each in wanted)
    if field in _NAMED:
        numbers = _numbers(facade, field, value)
        name = _NAMED[field]
        if value.lower() == "none":
            return lambda shape: shape.get(name) is None
        return lambda shape: shape.get(name) in numbers
    if field in _EQUAL:
        name = _EQUAL[field]
        return lambda shape: str(shape.get(name) or "").casefold() == value.casefold()
    if field in ("", "subject", "description", "name"):
        names = ("subject", "description", "name") if not field else (field,)
        return lambda shape: any(value.casefold() in str(shape.get(n)).casefold() for n in names)
    known = ", ".join(sorted({*_NAMED, *_EQUAL, *_FURTHER}))
    raise Problem(422, "invalid", f"query: {field[:40]} isn't looked for; it knows {known}")


_NAMED: Mapping[str, str] = {
    "requester": "requester_id",
    "submitter": "submitter_id",
    "assignee": "assignee_id",
    "organization": "organization_id",
    "group": "group_id",
}
_EQUAL: Mapping[str, str] = {
    "id": "id",
    "ticket_id": "id",
    "ticket_type": "type",
    "external_id": "external_id",
    "email": "email",
    "phone": "phone",
    "role": "role",
}
_FURTHER = ("created", "updated", "solved", "due_date", "status", "priority", "tags", "subject")
_TIMES: Mapping[str, str] = {
    "created": "created_at",
    "updated": "updated_at",
    "solved": "updated_at",
    "due_date": "due_at",
}


def _in_time(term: Term) -> Test:
    """Whether a time of a thing is before, after or on that of the term; a day is a whole day."""
    try:
        start = instant(term.value if "T" in term.value else f"{term.value}T00:00:00Z")
    except ValueError as error:
        raise Problem(422, "invalid", f"query: {term.field}: {error}") from None
    name, said = _TIMES[term.field], iso_s(start) or ""
    tests: dict[str, Callable[[str], bool]] = {
        "<": lambda at: at < said,
        ">": lambda at: at > said,
        "<=": lambda at: at <= said,
        ">=": lambda at: at >= said,
    }
    test = tests[term.sign] if term.sign in tests else _begins(term.value)
    solved = term.field == "solved"

    def met(shape: Mapping[str, Any]) -> bool:
        at = shape.get(name)
        is_solved = not solved or shape.get("status") in ("solved", "closed")
        return at is not None and is_solved and test(at)

    return met


def _begins(day: str) -> Callable[[str], bool]:
    return lambda at: at.startswith(day)


def _in_order(term: Term) -> Test:
    """Whether a status or priority is before, behind or the same as that of the term."""
    order = _ORDER if term.field == "status" else PRIORITIES[::-1]
    value = term.value.lower()
    if value not in order:
        raise Problem(
            422, "invalid", f"query: {term.field} {term.value[:40]!r} is none of {', '.join(order)}"
        )
    place = order.index(value)

    def met(shape: Mapping[str, Any]) -> bool:
        said = shape.get(term.field)
        if said not in order:
            return False
        at = order.index(said)
        met = {"<": at < place, ">": at > place, "<=": at <= place, ">=": at >= place}
        return met.get(term.sign, at == place)

    return met


def _numbers(facade: Facade, field: str, value: str) -> set[int | None]:
    """The numbers of users, organisations or groups that a value names: by number or by name."""
    if value.lower() == "me":
        return {facade.user(facade.actor.kind, facade.actor.id)}
    if value.isdecimal():
        return {int(value)}
    if field == "group":
        return {facade.group(id) for id in _teams(facade.settings, value)}
    shapes = _organisations(facade, value) if field == "organization" else _users(facade, value)
    return {shape["id"] for shape in shapes if shape is not None}


def _teams(settings: Settings, value: str) -> list[str]:
    said = value.casefold()
    return [
        id
        for id, team in settings.teams.items()
        if said in (id.casefold(), (team.name or "").casefold())
    ]


PATHS: Mapping[str, Answering] = {"search": search, "search/count": count}
