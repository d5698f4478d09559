"""What is linked to a ticket, read without the library of the views, is what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN
from ticketlog.application import linked_tickets
from ticketlog.config import views_file
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.projections.views import tickets

KINDS = ("blocks", "problem", "change", "follow-up-of")
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from(KINDS), st.integers(0, 3)), max_size=8)


def glance(desk: Desk, ticket: str) -> list[dict[str, str]] | None:
    return linked_tickets.linked_by(desk.log, views_file(desk.config), ticket)


def asked(desk: Desk, ticket: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = desk.query(tickets.TicketLinks(ticket=ticket))["linked_by"]
    return found


def test_it_knows_the_version_of_the_view() -> None:
    assert tickets.VIEW.version == linked_tickets.VERSION


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(STEPS)
def test_it_says_what_the_view_says(desk: Desk, steps: list[tuple[bool, str, int]]) -> None:
    target = helpdesk.create(desk)
    others = [helpdesk.create(desk) for _ in range(4)]
    linked: set[tuple[str, int]] = set()
    for linking, kind, number in steps:
        if linking == ((kind, number) in linked):
            continue
        linked ^= {(kind, number)}
        command = (LinkTo if linking else Unlink)(kind=kind, target=target)
        desk.execute(command, on=others[number], actor=ANN)
    assert glance(desk, target) is None, "the view lags behind"
    wanted = asked(desk, target)
    assert glance(desk, target) == wanted == desk.linked_by(target)
    assert len(wanted) == len(linked)


def test_a_view_that_lags_behind_is_brought_up(desk: Desk) -> None:
    a, b = helpdesk.create(desk), helpdesk.create(desk)
    desk.refresh()
    desk.execute(LinkTo(kind="blocks", target=b), on=a, actor=ANN)
    assert desk.linked_by(b) == [{"kind": "blocks", "ticket": a}]
    desk.execute(Note(body="more"), on=a, actor=ANN)
    assert glance(desk, b) is None
    assert desk.linked_by(b) == [{"kind": "blocks", "ticket": a}]


def test_views_of_another_log_say_nothing(desk: Desk, template: Path, tmp_path: Path) -> None:
    with open_desk(helpdesk.copy(template, tmp_path / "other")) as other:
        for each, subject in ((desk, "VPN drops"), (other, "Printer on fire")):
            each.execute(CreateTicket(subject=subject), actor=ANN, id="same")
        assert other.log.ends() == desk.log.ends()
        other.refresh()
    shutil.copy(tmp_path / "other" / "views.db", desk.folder / "views.db")
    assert glance(desk, "4F7K2M9QABCD") is None


def test_a_desk_without_views_says_nothing(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    (desk.folder / "views.db").unlink(missing_ok=True)
    assert glance(desk, ticket) is None
    assert not (desk.folder / "views.db").exists()


def test_to_show_a_ticket_loads_no_library_of_the_views(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    desk.refresh()
    code = (
        "import sys; from ticketlog.cli import run; "
        f"code = run(['--desk', {str(desk.folder)!r}, 'ticket', 'show', {ticket!r}]); "
        "sys.exit(code or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
