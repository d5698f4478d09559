"""Every query is in the list, says what it takes and what it answers, and passes one place."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from ticketlog import queries as face
from ticketlog.application import queries
from ticketlog.application.views import PastViews, Views
from ticketlog.desk import Desk, init_desk
from ticketlog.documents.base import Document
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.contact import Address
from ticketlog.projections import PROJECTIONS, QUERIES, views
from ticketlog.projections.engine.query import Query

MODULES = [
    import_module(each.name) for each in pkgutil.walk_packages(views.__path__, f"{views.__name__}.")
]
WITHIN = {"same", "known"}
"""Functions on a view's tables that queries ask, and nobody else."""
GIVEN: dict[str, dict[str, Any]] = {
    "links-to": {"tickets": ("4F7K2M9QABCD",)},
    "numbered-tickets": {"number": "crm:1"},
    "corrected-since": {"ends": (1,) * 12},
    "clocks-ahead": {"now": 0},
    "unassigned-tickets": {"teams": ("network",)},
    "address-owners": {"addresses": (Address(kind="email", value="a@example.com"),)},
    "search": {"words": "printer"},
    "persons": {"text": "a"},
    "changes-since": {"since": "2026-01-01T00:00:00Z"},
    "chosen-stream": {"kind": "person", "number": 1},
}
NOW = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with init_desk(tmp_path_factory.mktemp("queries") / "desk") as desk:
        desk.simulate(tickets=30, seed=1)
        yield desk


def asked(desk: Desk, query: type[Query[Any]]) -> Query[Any]:
    """The query with something for each parameter that must be given."""
    [row] = desk.query(face.Tickets(limit=1)).rows
    [person] = desk.query(face.Persons(text=row["requester"]))
    agent = desk.query(face.AgentLoad())[0]["agent"]
    known = {"ticket": row["ticket"], "person": person["person"], "agent": agent, "now": NOW}
    required = {name for name, field in query.model_fields.items() if field.is_required()}
    given = {name: value for name, value in known.items() if name in required}
    return query(**given | GIVEN.get(query.NAME, {}))


def test_every_query_of_a_view_is_in_the_list() -> None:
    found = {
        each
        for module in MODULES
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Query) and "NAME" in vars(each)
    }
    assert found == set(QUERIES.values())
    assert len(QUERIES) == sum(len(view.queries) for view in PROJECTIONS)


def test_no_view_is_asked_by_a_function_beside_its_queries() -> None:
    """What takes a connection and tables, or what a query is answered from, is part of a query."""
    for module in MODULES:
        for name, each in inspect.getmembers(module, inspect.isfunction):
            if each.__module__ != module.__name__ or name.startswith("_"):
                continue
            takes = inspect.signature(each).parameters
            asks = [*takes][:2] == ["connection", "tables"]
            asks |= "Reading" in [parameter.annotation for parameter in takes.values()]
            assert not asks or name in WITHIN, f"{module.__name__}.{name}"


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_says_what_it_takes_and_what_it_answers(name: str) -> None:
    query = QUERIES[name]
    assert vars(query)["__doc__"]
    assert issubclass(query.DOCUMENT, Document)
    assert [field for field, info in query.model_fields.items() if not info.description] == []
    assert query.model_json_schema()["properties"].keys() == query.model_fields.keys()


@pytest.mark.parametrize("name", QUERIES)
def test_an_answer_is_what_its_document_says(desk: Desk, name: str) -> None:
    query = asked(desk, QUERIES[name])
    answer = desk.query(query)
    if name in desk_reports():
        document = query.DOCUMENT.model_validate(desk.report(name))
    else:
        document = query.document(answer)
    assert type(document) is query.DOCUMENT
    assert query.DOCUMENT.model_validate(document.plain()) == document


def desk_reports() -> set[str]:
    from ticketlog.application.reports import REPORTS

    return set(REPORTS)


def test_every_query_passes_one_place_that_knows_who_asks_and_of_when(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Actor(next(each.id for each in desk.settings.agents.values() if each.active), "agent")
    seen: list[tuple[str, Actor | None, type]] = []
    answer = queries.answer

    def noted(query: Any, actor: Any, source: Any, *given: Any) -> Any:
        seen.append((query.NAME, actor, type(source)))
        return answer(query, actor, source, *given)

    monkeypatch.setattr(queries, "answer", noted)
    then = desk.at(position=desk.cut())
    desk.query(face.Queue(), actor=ann)
    then.query(face.Queue(), actor=ann)
    desk.report("flow", actor=ann)
    then.report("flow", actor=ann)
    desk.query(face.Queue())
    assert seen == [
        ("queue", ann, Views),
        ("queue", ann, PastViews),
        ("flow", ann, Views),
        ("flow", ann, PastViews),
        ("queue", None, Views),
    ]


def test_an_instant_may_be_given_as_a_text() -> None:
    given = face.FlowReport(start="2026-01-31T09:00:00Z")  # type: ignore[arg-type]
    assert given == face.FlowReport(start=1_769_850_000_000_000)
    assert given.parameters()["start"] == "2026-01-31T09:00:00.000000Z"


def test_what_a_query_does_not_take_is_no_parameter() -> None:
    with pytest.raises(ValueError, match="colour"):
        face.Queue(colour="red")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="limit"):
        face.Queue(limit=0)
