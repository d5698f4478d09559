"""What is at risk, what was kept, and why what wasn't. Golden cases name their source: a section of
docs/SLA.md, or what another system gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.domain.clocks import HOUR, MINUTE, SECOND, calendar
from tests.domain.sla.desk import named, policy, settings, target
from tests.given import ANN, BOB, DAY, KIM, RULE, SUE
from tests.projections.world import World
from ticketlog.domain.base import Actor, Command, instant
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import MarkSpam, Reopen, Restore, SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.sla_events import ReapplySla, RecordDue
from ticketlog.projections.engine.moment import Cut, Occurred
from ticketlog.projections.views.sla.attainment import AttainmentReport, share
from ticketlog.projections.views.sla.breaches import BreachesReport, TicketBreaches
from ticketlog.projections.views.sla.sla import ClocksAtRisk, TicketClocks

DAY_ONE = instant("2026-03-02T00:00:00Z")
OFFICE = named("office", calendar("UTC"))
"""Monday to Friday, 09:00 to 12:30 and 13:30 to 18:00."""
ANSWER = Reply(body="Did you try water?")
MORE = Reply(body="It burns")
PENDING, OPEN = SetStatus(status="pending"), SetStatus(status="open")
WAIT = settings(
    policy(
        target("requester_wait_time", 4 * 3_600, "medium", "high"),
        target("requester_wait_time", 3_600, "critical"),
    )
)
REPLIES = settings(policy(target("first_reply_time", 3_600), target("next_reply_time", 1_800)))
SOLVING = settings(policy(target("total_resolution_time", 4 * 3_600, "medium", "high")))
BUSINESS = settings(
    policy(
        target("total_resolution_time", 4 * 3_600, business=True),
        target("first_reply_time", 3_600),
        calendar="office",
    ),
    OFFICE,
)
OWNING = settings(policy(target("group_ownership_time", 3_600)))

Step = tuple[str, Command | Settings, Actor]


def moment(text: str) -> int:
    """'14:30', '14:30:15', or '+2 14:30', two days later."""
    days, _, clock = text.rpartition(" ")
    hours, minutes, *seconds = map(int, clock.split(":"))
    return DAY_ONE + int(days or 0) * DAY + hours * HOUR + minutes * MINUTE + sum(seconds) * SECOND


def lived(rules: Settings, *steps: Step, ticket: str = "A", world: World | None = None) -> World:
    """KIM's ticket; each step at its time, under the settings then in force."""
    world = world or World(settings=rules)
    for at, step, by in steps:
        world.now = moment(at)
        if isinstance(step, Settings):
            world.settings = step
        else:
            world.do(f"ticket/{ticket}", step, by)
    return world


def asks(at: str = "09:00") -> Step:
    return at, CreateTicket(subject="Fire", description="Smoke", requester="KIM"), KIM


def assigned(at: str, team: str, agent: str | None = None) -> Step:
    return at, Assign(team=team, assignee=agent), SUE


def looked(at: str) -> Step:
    """A timer records what was due by then."""
    return at, RecordDue(), RULE


def counted(world: World, **asked: Any) -> list[Mapping[str, Any]]:
    """Attainment, by metric, without the times used."""
    rows = world.ask(AttainmentReport, **{"by": ("metric",)} | asked)
    return [
        {k: v for k, v in row.items() if not k.startswith(("used", "business"))} for row in rows
    ]


def outcome(met: int = 0, breached: int = 0, withdrawn: int = 0, **more: Any) -> dict[str, Any]:
    of = met + breached
    return {"period": "2026-03", **more} | {
        "met": met,
        "breached": breached,
        "withdrawn": withdrawn,
        "of": of,
        "attainment": share(met, of),
    }


class TestAtRisk:
    @pytest.fixture
    def world(self) -> World:
        """A to D, each with a clock that is due four hours after its creation; C's in one."""
        world = World(settings=WAIT)
        for minute, ticket in enumerate("ABCD"):
            lived(WAIT, asks(f"09:0{minute}"), ticket=ticket, world=world)
        urgent = Prioritise(priority="critical", reason="the board waits")
        lived(WAIT, ("09:10", urgent, ANN), ticket="C", world=world)
        return world

    def listed(self, world: World, **asked: Any) -> str:
        return "".join(row["ticket"] for row in world.ask(ClocksAtRisk, **asked).rows)

    def test_what_is_due_first_comes_first(self, world: World) -> None:
        assert self.listed(world) == "CABD"
        (row, *_) = world.ask(ClocksAtRisk).rows
        assert (row["due"], row["target"]) == (moment("10:02"), 3_600)
        assert (row["policy"], row["policy_version"]) == ("standard", 1)
        assert (row["metric"], row["instance"]) == ("requester_wait_time", 1)

    def test_what_waits_or_is_done_is_not_at_risk(self, world: World) -> None:
        lived(WAIT, ("09:20", PENDING, ANN), ticket="A", world=world)
        lived(WAIT, ("09:20", Solve(), ANN), ticket="B", world=world)
        lived(WAIT, ("09:20", MarkSpam(), ANN), ticket="D", world=world)
        assert self.listed(world) == "C"
        lived(WAIT, ("10:20", OPEN, ANN), ticket="A", world=world)
        lived(WAIT, ("10:30", Restore(), ANN), ticket="D", world=world)
        assert self.listed(world, breached=False, until=moment("15:00")) == "CAD"

    def test_it_can_be_asked_by_whom_it_concerns(self, world: World) -> None:
        lived(WAIT, assigned("09:20", "network", "ann"), ticket="A", world=world)
        lived(WAIT, assigned("09:20", "network"), ticket="B", world=world)
        assert self.listed(world, team="network") == "AB"
        assert self.listed(world, assignee="ann") == "A"
        assert self.listed(world, unassigned=True) == "CBD"
        assert self.listed(world, team="network", unassigned=True) == "B"
        assert self.listed(world, priority="critical") == "C"
        assert self.listed(world, organisation="ACME") == "CABD"
        assert self.listed(world, metric="requester_wait_time", policy="standard") == "CABD"
        assert self.listed(world, metric="first_reply_time") == ""
        assert self.listed(world, until=moment("13:00")) == "CA"
        with pytest.raises(ValueError, match="mood"):
            world.ask(ClocksAtRisk, mood="bad")
        with pytest.raises(ValueError, match="zzz"):
            world.ask(ClocksAtRisk, after="zzz")

    def test_pages_follow_each_other_also_where_things_are_due_at_once(self, world: World) -> None:
        lived(WAIT, asks("09:00"), ticket="0", world=world)
        seen, after = "", None
        for _ in range(5):
            page = world.ask(ClocksAtRisk, limit=1, after=after)
            seen, after = seen + page.rows[0]["ticket"], page.next
        assert (seen, after) == ("C0ABD", None)

    def test_what_is_broken_stands_in_a_list_of_its_own_until_it_ends(self, world: World) -> None:
        for ticket in "CA":
            lived(WAIT, looked("13:00:30"), ticket=ticket, world=world)
        assert self.listed(world) == "BD"
        assert self.listed(world, breached=True) == "CA"
        assert self.listed(world, breached=True, until=moment("11:00")) == "C"
        page = world.ask(ClocksAtRisk, breached=True, limit=1)
        assert page.next
        assert self.listed(world, breached=True, after=page.next) == "A"
        lived(WAIT, ("13:10", Solve(), ANN), ticket="C", world=world)
        assert self.listed(world, breached=True) == "A"

    def test_a_later_target_puts_a_broken_clock_at_risk_again(self, world: World) -> None:
        lived(WAIT, looked("10:30"), ticket="C", world=world)
        calm = Prioritise(priority="high", reason="a workaround")
        lived(WAIT, ("10:40", calm, ANN), ticket="C", world=world)
        assert self.listed(world, breached=True) == ""
        assert self.listed(world) == "ABCD"
        assert len(world.ask(TicketBreaches)) == 1


class TestStanding:
    """What is used and left at an instant that nothing has been recorded at."""

    def stands(self, world: World, at: str, **more: Any) -> dict[str, Any]:
        rows = world.ask(TicketClocks, ticket="A", now=moment(at), **more)
        (row,) = (row for row in rows if row["metric"] == "total_resolution_time")
        hours = ("used", "business_used", "left", "until_due")
        return {name: row[name] and row[name] / HOUR for name in hours}

    def test_all_time_and_open_time_go_on(self) -> None:
        world = lived(BUSINESS, asks("11:30"))
        asked = {"settings": BUSINESS}
        assert self.stands(world, "11:30", **asked) == {
            "used": 0,
            "business_used": 0,
            "left": 4,
            "until_due": 5,
        }
        assert self.stands(world, "14:30", **asked) == {
            "used": 3,
            "business_used": 2,
            "left": 2,
            "until_due": 2,
        }
        assert self.stands(world, "17:30", **asked)["left"] == -1

    def test_open_time_is_not_guessed(self) -> None:
        world = lived(BUSINESS, asks("11:30"))
        assert self.stands(world, "14:30") == {
            "used": 3,
            "business_used": None,
            "left": None,
            "until_due": 2,
        }

    def test_a_pause_stands_still_and_what_ended_has_nothing_left(self) -> None:
        world = lived(WAIT, asks(), ("10:00", PENDING, ANN))
        (row,) = world.ask(TicketClocks, ticket="A", now=moment("12:00"))
        assert (row["phase"], row["used"], row["left"]) == ("paused", HOUR, 3 * HOUR)
        assert row["until_due"] is None
        lived(WAIT, ("12:30", Solve(), ANN), world=world)
        (row,) = world.ask(TicketClocks, ticket="A", now=moment("20:00"))
        assert (row["phase"], row["used"], row["left"]) == ("fulfilled", HOUR, None)


class TestClocks:
    def test_runs_of_a_repeated_clock_stay(self) -> None:
        world = lived(
            *(REPLIES, asks(), ("09:30", ANSWER, ANN), ("10:00", MORE, KIM)),
            *(("10:20", ANSWER, ANN), ("11:00", MORE, KIM)),
        )
        found = [
            (row["metric"], row["instance"], row["phase"], row["used"] // MINUTE)
            for row in world.ask(TicketClocks, ticket="A")
        ]
        assert found == [
            ("first_reply_time", 1, "fulfilled", 30),
            ("next_reply_time", 1, "fulfilled", 20),
            ("next_reply_time", 2, "running", 0),
        ]

    def test_what_was_never_promised_has_no_row(self) -> None:
        world = World()
        lived(WAIT, asks(), world=world)
        assert world.ask(TicketClocks, ticket="A") == []

    def test_a_clock_that_lost_its_target_is_told_to_its_end(self) -> None:
        """Where a priority has no target, there is no promise (docs/SLA.md, Policies)."""
        low = Prioritise(priority="low", reason="no hurry")
        world = lived(WAIT, asks(), ("10:00", low, ANN), ("10:30", PENDING, ANN))
        (row,) = world.ask(TicketClocks, ticket="A")
        assert (row["phase"], row["target"], row["policy"]) == ("paused", None, None)
        lived(WAIT, ("15:00", Solve(), ANN), world=world)
        (row,) = world.ask(TicketClocks, ticket="A")
        assert (row["phase"], row["used"] // MINUTE) == ("fulfilled", 90)
        assert counted(world) == []

    def test_the_version_that_was_promised_stays(self) -> None:
        """Jira judges by today's goals [J1]."""
        newer = settings(policy(target("requester_wait_time", 60)), after=WAIT)
        world = lived(WAIT, asks(), ("09:30", newer, SUE), ("10:00", Solve(), ANN))
        (row,) = world.ask(TicketClocks, ticket="A")
        assert (row["policy_version"], row["target"]) == (1, 4 * 3_600)
        assert counted(world, by=("policy", "policy_version")) == [
            outcome(1, policy="standard", policy_version=1)
        ]
        world = lived(WAIT, asks(), ("09:30", newer, SUE), ("10:00", ReapplySla(), SUE))
        (row,) = world.ask(TicketClocks, ticket="A")
        assert (row["policy_version"], row["target"]) == (2, 60)


class TestAttainment:
    def test_what_ends_at_its_due_time_is_met(self) -> None:
        """docs/SLA.md, Due; ServiceNow counts 99.995 % as breached [S5]."""
        for end, met in (("13:00", 1), ("12:59:59", 1), ("13:00:01", 0)):
            world = lived(WAIT, asks(), (end, Solve(), ANN))
            wanted = outcome(met, 1 - met, metric="requester_wait_time")
            assert counted(world) == [wanted], end

    def test_nearly_all_is_not_all(self) -> None:
        """ServiceNow rounds 99.995 % up [S5]."""
        assert share(19_999, 20_000) == 9_999
        assert share(2, 3) == 6_666
        assert share(3, 3) == 10_000
        assert share(0, 0) is None

    def test_a_breach_counts_once_when_it_was_due_whatever_came_after(self) -> None:
        """Elsewhere a breach has the time at which a loop found it [L1]. Here it is the commit
        after it, in the next month, which records it and fulfils the clock."""
        world = lived(WAIT, asks("+29 18:00"), ("+30 12:00", Solve(), ANN))
        march, april = world.ask(AttainmentReport)
        assert (march["period"], march["breached"], march["used_n"]) == ("2026-03", 1, 0)
        assert (april["period"], april["of"], april["used_n"]) == ("2026-04", 0, 1)
        assert april["used_median_seconds"] == 18 * 3_600

    def test_solving_without_a_reply_withdraws_the_promise(self) -> None:
        """docs/SLA.md, Metrics: it counts for neither."""
        world = lived(REPLIES, asks(), ("09:30", Solve(), ANN))
        assert counted(world) == [outcome(withdrawn=1, metric="first_reply_time")]

    def test_what_goes_on_is_not_decided_any_more(self) -> None:
        """Reopened: resolution goes on with the time used (docs/SLA.md)."""
        world = lived(SOLVING, asks(), ("10:00", Solve(), ANN))
        solved = Cut(world.log.ends())
        assert counted(world) == [outcome(1, metric="total_resolution_time")]
        lived(SOLVING, ("11:00", Reopen(), KIM), world=world)
        assert counted(world) == []
        assert counted(world, moment=solved) == [outcome(1, metric="total_resolution_time")]
        assert counted(world, moment=Occurred(moment("10:30"))) == counted(world, moment=solved)
        lived(SOLVING, ("15:00", Solve(), ANN), world=world)
        assert counted(world) == [outcome(breached=1, metric="total_resolution_time")]

    def test_spam_that_was_none_is_undecided_again(self) -> None:
        world = lived(SOLVING, asks(), ("10:00", MarkSpam(), ANN))
        assert counted(world)[0]["withdrawn"] == 1
        lived(SOLVING, ("11:00", Restore(), ANN), ("12:00", Solve(), ANN), world=world)
        assert counted(world) == [outcome(1, metric="total_resolution_time")]

    def test_a_breach_stands_when_the_target_changes_after_it(self) -> None:
        """docs/SLA.md, Due: the breach that was recorded stands."""
        calm = Prioritise(priority="high", reason="a workaround")
        urgent = Prioritise(priority="critical", reason="the board waits")
        world = lived(
            *(WAIT, asks(), ("09:10", urgent, ANN), looked("10:30")),
            *(("10:40", calm, ANN), ("11:00", Solve(), ANN)),
        )
        assert counted(world) == [outcome(breached=1, metric="requester_wait_time")]
        assert counted(world, by=(), priority="critical") == [outcome(breached=1)]

    def test_a_new_target_that_is_exceeded_breaks_at_the_change(self) -> None:
        """SLAs do not back-date breach events [Z8]; a paused clock too."""
        urgent = Prioritise(priority="critical", reason="the board waits")
        world = lived(WAIT, asks(), ("11:00", PENDING, ANN), ("+1 09:00", urgent, ANN))
        days = counted(world, by=("priority",), period="day")
        assert days == [outcome(breached=1, priority="critical") | {"period": "2026-03-03"}]

    def test_it_counts_for_what_the_ticket_was_then(self) -> None:
        """Looking targets up by the current priority alters the past (dbt_zendesk [Z19])."""
        world = lived(
            *(REPLIES, asks(), assigned("09:05", "network", "ann"), ("09:30", ANSWER, ANN)),
            *(assigned("10:00", "billing", "bob"), ("10:05", LATER, SUE)),
        )
        by = ("team", "agent", "priority", "organisation")
        whose = {"team": "network", "agent": "ann", "priority": "medium", "organisation": "ACME"}
        assert counted(world, by=by) == [outcome(1, **whose)]
        assert counted(world, by=("agent",), team="network") == [outcome(1, agent="ann")]
        assert counted(world, by=("agent",), team="billing") == []

    def test_an_answer_counts_for_who_gave_it(self) -> None:
        """As the first reply does in the report `times`."""
        world = lived(REPLIES, asks(), assigned("09:05", "billing", "bob"), ("09:30", ANSWER, ANN))
        assert counted(world, by=("agent",)) == [outcome(1, agent="ann")]

    def test_an_ownership_counts_for_the_team_that_had_it(self) -> None:
        """Fulfilled when another team gets it [Z35]."""
        world = lived(
            *(OWNING, asks(), assigned("09:10", "network", "ann")),
            *(assigned("09:40", "billing", "bob"), ("11:00", Solve(), BOB)),
        )
        assert counted(world, by=("team", "agent")) == [
            outcome(breached=1, team="billing", agent="bob"),
            outcome(1, team="network", agent="ann"),
        ]

    def test_time_used_is_told_in_all_time_and_in_open_time(self) -> None:
        world = World(settings=BUSINESS)
        for ticket, end in (("A", "14:30"), ("B", "15:30"), ("C", "+1 09:30")):
            steps = (asks("11:30"), (end, Solve(), ANN))
            lived(BUSINESS, *steps, ticket=ticket, world=world)
        (row,) = world.ask(AttainmentReport, metric="total_resolution_time")
        assert (row["used_n"], row["used_median_seconds"], row["used_p90_seconds"]) == (
            3,
            4 * 3_600,
            22 * 3_600,
        )
        assert (row["business_used_n"], row["business_used_median_seconds"]) == (3, 3 * 3_600)
        assert row["business_used_p90_seconds"] == 6 * 3_600
        assert (row["met"], row["breached"]) == (2, 1)

    def test_periods_are_those_of_a_zone(self) -> None:
        world = lived(WAIT, asks("20:00"), ("23:30", Solve(), ANN))
        (utc,) = world.ask(AttainmentReport, period="day")
        (berlin,) = world.ask(AttainmentReport, period="day", zone="Europe/Berlin")
        assert (utc["period"], berlin["period"]) == ("2026-03-02", "2026-03-03")
        rows = world.ask(AttainmentReport, period="day", start=DAY_ONE, end=DAY_ONE + 3 * DAY)
        assert [row["of"] for row in rows] == [1, 0, 0]
        assert [row["attainment"] for row in rows] == [10_000, None, None]

    def test_what_cannot_be_asked_is_told(self) -> None:
        world = lived(WAIT, asks())
        for asked in ({"by": ("mood",)}, {"mood": "bad"}, {"zone": "Berlin", "end": 1, "start": 0}):
            with pytest.raises(ValueError, match=r"mood|Berlin"):
                world.ask(AttainmentReport, **asked)


LATER = Prioritise(priority="low", reason="a workaround")


class TestBreaches:
    @pytest.fixture
    def world(self) -> World:
        """Four hours: one in nobody's hands, a pause, one with ann, two with billing."""
        return lived(
            *(WAIT, asks(), assigned("10:00", "network", "ann"), ("11:00", PENDING, ANN)),
            *(("14:00", OPEN, ANN), assigned("14:00", "billing", "bob"), looked("16:30")),
        )

    def test_a_breach_tells_who_held_the_ticket_while_its_clock_ran(self, world: World) -> None:
        """ServiceNow's SLA breakdowns [S6]."""
        (breach,) = world.ask(TicketBreaches)
        assert (breach["breached_at"], breach["because"]) == (moment("16:00"), "time")
        assert (breach["recorded_at"], breach["recorded_by"]) == (
            *(moment("16:30"), f"rule:{RULE.id}"),
        )
        assert (breach["used"], breach["target"]) == (4 * HOUR, 4 * 3_600)
        spans = [
            (span["started"], span["ended"], span["team"], span["agent"], span["status"])
            for span in breach["spans"]
        ]
        assert spans == [
            (moment("09:00"), moment("10:00"), None, None, "new"),
            (moment("10:00"), moment("11:00"), "network", "ann", "open"),
            (moment("14:00"), moment("16:00"), "billing", "bob", "open"),
        ]
        assert [(each["team"], each["length"] // HOUR) for each in breach["by_holder"]] == [
            *(("billing", 2), (None, 1), ("network", 1)),
        ]
        assert [(each["status"], each["length"] // HOUR) for each in breach["by_status"]] == [
            *(("open", 3), ("new", 1)),
        ]

    def test_causes_are_counted_by_whose_hands_and_in_which_status(self, world: World) -> None:
        def told(**asked: Any) -> list[tuple[Any, ...]]:
            rows = world.ask(BreachesReport, **asked)
            return [tuple(row.values())[1:] for row in rows]

        assert told() == [(1, 1, 4 * 3_600, None)]
        assert told(by=("team",)) == [
            (None, 0, 1, 3_600, None),
            ("billing", 1, 1, 2 * 3_600, None),
            ("network", 0, 1, 3_600, None),
        ]
        assert told(by=("status", "agent"), status="open") == [
            ("open", "ann", 0, 1, 3_600, None),
            ("open", "bob", 1, 1, 2 * 3_600, None),
        ]
        assert told(by=("metric",), team="network") == [("requester_wait_time", 0, 1, 3_600, None)]
        assert told(priority="low") == []

    def test_open_time_is_that_of_the_calendar_that_a_span_ran_in(self) -> None:
        """Zendesk takes the last calendar for all of it [Z19]."""
        nights = named("office", calendar("UTC", {"mon": ("12:00-24:00",)}))
        rules = settings(nights, after=BUSINESS)
        world = lived(
            *(BUSINESS, asks("10:30"), ("14:30", rules, SUE), ("14:30", ReapplySla(), SUE)),
            looked("18:30"),
        )
        (breach,) = world.ask(TicketBreaches, metric="total_resolution_time", settings=rules)
        found = [(span["calendar_version"], span["open"] / HOUR) for span in breach["spans"]]
        assert found == [(1, 3.0), (2, 1.0)]
        assert breach["used"] == 4 * HOUR
        (row,) = world.ask(BreachesReport, metric="total_resolution_time", settings=rules)
        assert (row["seconds"], row["business_seconds"]) == (5 * 3_600, 4 * 3_600)
        (row,) = world.ask(BreachesReport, metric="total_resolution_time")
        assert row["business_seconds"] is None

    def test_time_from_before_the_policy_has_its_holders_too(self) -> None:
        """Clocks run without a policy [Z2]; one that comes later counts from the creation."""
        world = World()
        lived(WAIT, asks(), assigned("12:00", "network", "ann"), world=world)
        lived(WAIT, ("13:30", WAIT, SUE), ("13:30", ANSWER, ANN), world=world)
        (breach,) = world.ask(TicketBreaches)
        assert (breach["because"], breach["used"]) == ("target", 4 * HOUR + 30 * MINUTE)
        assert [(each["team"], each["length"]) for each in breach["by_holder"]] == [
            *((None, 3 * HOUR), ("network", HOUR + 30 * MINUTE)),
        ]

    def test_a_clock_may_break_twice_and_counts_once(self) -> None:
        calm = Prioritise(priority="high", reason="a workaround")
        urgent = Prioritise(priority="critical", reason="the board waits")
        world = lived(
            *(WAIT, asks(), ("09:10", urgent, ANN), looked("10:30"), ("10:40", calm, ANN)),
            looked("14:00"),
        )
        assert [row["breached_at"] for row in world.ask(TicketBreaches)] == [
            *(moment("10:00"), moment("13:00")),
        ]
        assert counted(world) == [outcome(breached=1, metric="requester_wait_time")]

    def test_they_can_be_asked_by_ticket_time_and_dimension(self, world: World) -> None:
        lived(WAIT, asks("10:00"), looked("15:00"), ticket="B", world=world)
        assert [row["ticket"] for row in world.ask(TicketBreaches)] == ["B", "A"]
        assert [row["ticket"] for row in world.ask(TicketBreaches, ticket="A")] == ["A"]
        assert [row["ticket"] for row in world.ask(TicketBreaches, start=moment("15:00"))] == ["A"]
        assert [row["ticket"] for row in world.ask(TicketBreaches, end=moment("15:00"))] == ["B"]
        assert [row["ticket"] for row in world.ask(TicketBreaches, team="billing")] == ["A"]
        assert [row["ticket"] for row in world.ask(TicketBreaches, limit=1)] == ["B"]
        early = Occurred(moment("15:30"))
        assert [row["ticket"] for row in world.ask(TicketBreaches, moment=early)] == ["B"]
        with pytest.raises(ValueError, match="mood"):
            world.ask(TicketBreaches, mood="bad")
        with pytest.raises(ValueError, match="mood"):
            world.ask(BreachesReport, by=("mood",))
