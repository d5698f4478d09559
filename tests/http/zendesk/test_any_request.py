"""Whatever a client asks of the facade, it gets an answer of JSON, and never a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, create, register
from tests.http.zendesk.asking import ask_all
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.http.zendesk.pages import cursor_of
from ticketlog.http.zendesk.router import PATHS
from ticketlog.projections.views.shared.stream_numbers import number_of

PARAMETERS = (
    *("page", "per_page", "page[size]", "page[after]", "after", "cursor", "start_time", "end_time"),
    *("limit", "ids", "query", "include", "sort", "sort_by", "sort_order", "external_id", "role[]"),
)
WORDS = st.sampled_from(
    [
        *("", "0", "1", "-1", "100", "9" * 25, "1e400", "nan", "x", "2026-01-01T00:00:00Z", "none"),
        *("type:ticket", "type:user vpn", "status<solved", "created>2026-01-01", "-vpn", '"', "me"),
        *("assignee:me", "group:network", "requester:kim", "priority>=high", "tags:vip", "id:1"),
        *("updated<2026-01-01T00:00:00Z", "asc", "desc", "created_at", "status", "metric_sets"),
        *map(
            cursor_of, ("", "0/0", "1,2/3", "9" * 30 + "/1", "1:2", "agents:1", "persons:0/0", "x")
        ),
    ]
)
VALUES = WORDS | st.text(max_size=20) | st.builds("{} {}".format, WORDS, WORDS)


@pytest.fixture(scope="module")
def desk(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(helpdesk.copy(template, tmp_path_factory.mktemp("any") / "desk")) as desk:
        kim = register(desk)
        for n in range(3):
            ticket = create(desk, f"VPN {n}", requester=kim, tags=("vip",))
            desk.execute(Reply(body="Hello"), on=ticket, actor=ANN)
        yield desk


@given(
    path=st.sampled_from(sorted(PATHS)),
    id=st.sampled_from(["-1", "0", "1", "x", "%2F", str(number_of("agent", "ann")), "9" * 30]),
    parameters=st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=4),
)
def test_no_request_fails(desk: Desk, path: str, id: str, parameters: dict[str, str]) -> None:
    [answer] = ask_all(desk, f"{path.replace('{id}', id)}.json?{urlencode(parameters)}")
    assert answer.status_code in (200, 404, 422), answer.text
    body = answer.json()
    assert answer.status_code == 200 or {"error", "description"} <= set(body)
