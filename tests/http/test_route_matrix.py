"""Each cell of `tests/access/routes.md` is tried: a request made from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.access import restricted_desk as made
from tests.access.test_canary import Cage
from tests.http.test_restricted import WEBHOOK, Outside
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.ticket.creation import CreateTicket

ROUTES = Path(made.__file__).with_name("routes.md")
IDS = {"agents": "hal", "webhooks": "crm", "imports": "old", "tokens": "4F7K2M9QABCD"}
ASKED = {"words": "printer", "text": "Kim", "agent": "hal", "kind": "ticket", "number": "1"}
REPLAY = {"start": "2026-03-02T09:00:00Z"}
TIMES = ("now", "since", "until", "start", "end")
SAID = {403: "no", 404: "-"}
"""The status of an answer -> the cell; of all others: yes."""


class Tried(Outside):
    """The API of a desk, with a ticket of Kim's in the team network."""

    def __init__(self, cage: Cage) -> None:
        super().__init__(cage)
        desk, kim = cage.desk, cage.kim.id
        desk.settings_apply(f"{made.SETTINGS}\n{WEBHOOK}", actor=made.SUE)
        acme = desk.execute(RegisterOrganisation(name="ACME"), actor=made.HAL).stream
        self.ids = {**IDS, "persons": kim, "organisations": acme.partition("/")[2]}
        agents = (made.LIA, made.NED, made.QUE, made.ANN, made.SUE, made.AUD, made.HAL, made.FORM)
        self.actors = {
            "Kim": f"person:{kim}",
            "Lee": f"person:{cage.lee.id}",
            **{each.id: f"{each.kind}:{each.id}" for each in agents},
        }

    def row(self, method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
        """The cells of a route, one for each actor, each on a ticket of its own."""
        cells = []
        for actor in self.actors.values():
            command = CreateTicket(subject="Printer", team="network", requester=self.cage.kim.id)
            own = self.cage.desk.execute(command, actor=made.HAL).stream.partition("/")[2]
            collection = path.split("/")[3] if path.count("/") > 2 else ""
            place = path
            for part in operation.get("parameters", []):
                if part.get("in") == "path":
                    id = own if collection == "tickets" else self.ids.get(collection, "absent")
                    place = place.replace(f"{{{part['name']}}}", id)
            given = {"params": self._asked(operation, own), **self._sent(operation)}
            answer = self.told(method, place, actor, **given)
            assert answer.status_code < 500 or answer.status_code == 503, (method, path, actor)
            cells.append(SAID.get(answer.status_code, "yes"))
        return cells

    def _asked(self, operation: Mapping[str, Any], own: str) -> dict[str, str]:
        told = {}
        for part in operation.get("parameters", []):
            if part.get("in") == "query" and part.get("required"):
                name = part["name"]
                time = "2026-03-02T09:00:00Z" if name in TIMES else self.cage.kim.id
                told[name] = ASKED.get(name) or (own if name.startswith("ticket") else time)
        return told

    def _sent(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        for media, body in operation.get("requestBody", {}).get("content", {}).items():
            if media == "application/json":
                return {"json": body.get("example", REPLAY)}
            kind = "text/plain" if "*" in media else media
            return {"content": f"{made.SETTINGS}\n{WEBHOOK}", "headers": {"Content-Type": kind}}
        return {}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with made.restricted_desk(tmp_path_factory.mktemp("routes") / "desk") as desk:
        yield Tried(Cage(desk))


def kept() -> dict[str, list[str]]:
    """The rows of the page, by method and path."""
    lines = [line for line in ROUTES.read_text("utf-8").splitlines() if line.startswith("| `")]
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_route_has_a_row(tried: Tried) -> None:
    assert {f"{method} {path}" for method, path, _ in tried.operations()} == set(kept())


def test_each_cell_says_what_a_request_gets(tried: Tried) -> None:
    """All differences are told at once."""
    rows = kept()
    got = {
        f"{method} {path}": tried.row(method, path, it) for method, path, it in tried.operations()
    }
    assert {name: row for name, row in got.items() if rows[name] != row} == {}
