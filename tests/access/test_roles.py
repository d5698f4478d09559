"""given roles in the settings, when actors send and ask, then they have what their roles give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access import restricted_desk as made
from ticketlog import queries
from ticketlog.application import access_review
from ticketlog.desk import Desk
from ticketlog.domain.base import Forbidden, NotFound
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.errors import Usage


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with made.restricted_desk(tmp_path / "desk") as desk:
        yield desk


def _ticket(desk: Desk, team: str, **given: object) -> str:
    command = CreateTicket(subject="Printer", team=team, **given)  # type: ignore[arg-type]
    return desk.execute(command, actor=made.HAL).stream


def test_a_field_is_filled_in_by_its_writers_alone(desk: Desk) -> None:
    ticket = _ticket(desk, "network")
    with pytest.raises(Forbidden, match="salary"):
        desk.execute(SetFields(fields={"salary": 1}), on=ticket, actor=made.ANN)
    desk.execute(SetFields(fields={"salary": 1}), on=ticket, actor=made.SUE)
    assert desk.load(ticket, actor=made.SUE).fields == {"salary": 1}
    assert desk.load(ticket, actor=made.ANN).fields == {}


def test_who_moves_a_ticket_out_of_sight_can_send_that_again(desk: Desk) -> None:
    ticket = _ticket(desk, "network")
    first = desk.execute(Assign(team="hr"), on=ticket, actor=made.ANN, id="move")
    again = desk.execute(Assign(team="hr"), on=ticket, actor=made.ANN, id="move")
    assert again.version == first.version
    assert again.repeated
    with pytest.raises(NotFound):
        desk.execute(Assign(team="hr"), on=ticket, actor=made.SUE, id="move")


def test_a_restricted_team_that_is_taken_away_stays_hidden(desk: Desk) -> None:
    ticket = _ticket(desk, "hr")
    without = made.SETTINGS.replace("[teams.hr]\nrestricted = true\n", "")
    without = without.replace('["hr", "network"]', '["network"]').replace(
        '{ teams = ["hr"] }', "{}"
    )
    desk.settings_apply(without, actor=made.SUE, strand=True)
    assert not desk.load(ticket, actor=made.SUE).exists
    assert desk.load(ticket, actor=made.AUD).exists


def test_a_person_sees_the_tickets_of_an_organisation_that_shares_them(desk: Desk) -> None:
    from ticketlog.domain.parties.organisation import RegisterOrganisation
    from ticketlog.domain.parties.person import SetPersonOrganisation

    acme = desk.execute(RegisterOrganisation(name="ACME"), actor=made.HAL).stream
    id = acme.removeprefix("organisation/")
    kim, lee = made.person(desk, "Kim"), made.person(desk, "Lee")
    for each in (kim, lee):
        command = SetPersonOrganisation(organisation=id)
        desk.execute(command, on=f"person/{each.id}", actor=made.HAL)
    ticket = _ticket(desk, "network", requester=kim.id)
    assert not desk.load(ticket, actor=lee).exists
    shared = f'{made.SETTINGS}\n[roles.requester]\norganisations = ["{id}"]\n'
    desk.settings_apply(shared, actor=made.SUE)
    assert desk.load(ticket, actor=lee).exists
    assert [row["ticket"] for row in desk.query(queries.Tickets(), actor=lee).rows]


def test_nobody_chooses_by_what_they_dont_read(desk: Desk) -> None:
    kim = made.person(desk, "Kim")
    with pytest.raises(Forbidden, match="assignee"):
        desk.query(queries.Tickets(assignee="ann"), actor=kim)


def test_a_limited_report_says_for_whom_it_was_made(desk: Desk) -> None:
    _ticket(desk, "hr")
    assert desk.report("flow", actor=made.ANN)["scope"] == "all but hr"
    assert "scope" not in desk.report("flow", actor=made.AUD)


def test_a_review_replays_and_is_signed(desk: Desk) -> None:
    now = access_review.review(desk.settings)
    before = desk.cut()
    desk.settings_apply(made.SETTINGS.replace('["auditor"]', '["agent"]'), actor=made.SUE)
    assert access_review.review(desk.at(position=before).settings) == now
    signed = access_review.sign_off(desk, made.SUE, None, "as it should be")
    state = desk.load_account(f"access-review/{signed.settings}")
    assert state.signed_by == ("sue",)


def test_an_unknown_right_is_told_so(desk: Desk) -> None:
    with pytest.raises(Usage, match="no command"):
        access_review.explained(desk.access, made.ANN, "ticket.fly", None, made.SUE)
