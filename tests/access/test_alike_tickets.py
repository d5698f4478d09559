"""given tickets that are alike, when somebody asks, then they are told of those that they see.

zammad/zammad#4643: the warning of duplicates never came where a customer wrote the ticket.
"""

from __future__ import annotations

from pathlib import Path

from tests.access.restricted_desk import ANN, HAL, START, person, restricted_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.projections.views.alike import Alike


def test_who_asks_is_told_of_the_alike_tickets_that_they_see(tmp_path: Path) -> None:
    with restricted_desk(tmp_path / "desk") as desk:
        kim, lee = person(desk, "Kim"), person(desk, "Lee")

        def created(asker: Actor, team: str, by: Actor = HAL) -> str:
            command = CreateTicket(
                subject="Payslip is wrong",
                description="Overtime of May is missing.",
                requester=asker.id,
                team=team if by is HAL else None,
            )
            return desk.execute(command, actor=by).stream.removeprefix("ticket/")

        def told(actor: Actor, **asked: str) -> set[str]:
            query = Alike(subject="payslip is wrong", now=START, **asked)
            return {each["ticket"] for each in desk.query(query, actor=actor)}

        kims, lees, hers = created(kim, "hr"), created(lee, "network"), created(kim, "", by=kim)
        assert told(HAL) == {kims, lees, hers}
        assert told(ANN) == {lees, hers}
        assert told(kim) == {kims, hers}
        assert told(lee) == {lees}
        assert told(lee, requester=kim.id) == {lees}
        # An agent's description is a note: its requester doesn't read it, nor find by it.
        inner = {"subject": "", "body": "overtime missing may", "now": START}
        assert [row["ticket"] for row in desk.query(Alike(**inner), actor=lee)] == []
        assert [row["ticket"] for row in desk.query(Alike(**inner), actor=kim)] == [hers]
