"""Who gets a ticket: chosen, reserved, made; never more than they have room for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpdesk import SUE
from tests.policies.acting import Story
from ticketlog.domain.base import Actor, Command, kind_and_id
from ticketlog.domain.parties.agent import SetAvailability, SetShifts, TicketReserved
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.parties.person import MergePerson, RegisterPerson, UnmergePerson
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, Unassign
from ticketlog.domain.ticket.automation import AgentChosen, ChoiceDropped
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import MarkSpam, Reopen, Solve
from ticketlog.domain.time.shifts import Shift

STAFF = """
[teams.network]
[teams.billing]
[agents.ann]
teams = ["network"]
capacity = { "*" = 2 }
skills = { dns = 3 }
languages = ["en", "de"]
[agents.bob]
teams = ["network"]
capacity = { "*" = 2, chat = 1 }
skills = { dns = 1 }
languages = ["pt"]
weight = 3
[agents.cyd]
teams = ["network", "billing"]
roles = ["agent", "supervisor"]
accounts = ["ACME"]
[agents.sue]
teams = ["billing"]
roles = ["agent", "supervisor"]
"""
LEAST = """
[assignment.network]
position = 1
when.all = [{ field = "team", is = "network" }]
balance = "least-loaded"
"""
NAMES = ("ann", "bob", "cyd")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "desk"


def story(folder: Path, rules: str = LEAST, online: tuple[str, ...] = NAMES) -> Story:
    made = Story(folder, rules, STAFF)
    for second, agent in enumerate(online):
        comes(made, agent, f"{second}s")
    return made


def comes(story: Story, agent: str, span: str, how: Any = "online") -> None:
    story.does(Actor(agent, "agent"), SetAvailability(availability=how), f"agent/{agent}", span)


def ticket(story: Story, span: str = "1m", **given: Any) -> str:
    return story.ticket(span, SUE, **{"team": "network", **given})


def owners(story: Story, tickets: list[str]) -> list[str | None]:
    return [story.state(each).assignee for each in tickets]


def held(story: Story, agent: str) -> set[str]:
    return set(story.desk.load(f"agent/{agent}").held)


@pytest.fixture
def least(folder: Path) -> Iterator[Story]:
    made = story(folder)
    yield made
    made.desk.close()


class TestSteps:
    def test_chosen_then_reserved_then_made(self, folder: Path) -> None:
        made = story(folder, online=("ann",))
        id = ticket(made)
        made.until("1h")
        chosen, assigned, _ = (each.event for each in made.by_rules(id))
        assert isinstance(chosen, AgentChosen)
        assert (chosen.agent, chosen.rule, chosen.why) == ("ann", "network@1", "balance")
        assert isinstance(assigned, AssigneeChanged)
        assert (assigned.new, assigned.method, assigned.rule) == ("ann", "rule", "network@1")
        assert [(each.agent, each.load) for each in assigned.candidates] == [("ann", 0)]
        assert assigned.choice == made.by_rules(id)[0].id
        assert held(made, "ann") == {id}
        assert made.state(id).status == "open"

    def test_above_capacity_it_waits_and_is_taken_when_somebody_has_room(
        self, folder: Path
    ) -> None:
        made = story(folder, online=("ann",))
        ids = [ticket(made, f"{n}m") for n in (1, 2, 3, 4)]
        made.until("1h")
        assert owners(made, ids) == ["ann", "ann", None, None]
        made.does(Actor("ann", "agent"), Solve(), ids[0], "2h")
        made.until("3h")
        assert owners(made, ids) == ["ann", "ann", "ann", None]
        assert held(made, "ann") == {ids[1], ids[2]}
        comes(made, "bob", "4h")
        made.until("5h")
        assert owners(made, ids)[3] == "bob"

    def test_the_most_urgent_is_taken_first(self, folder: Path) -> None:
        made = story(folder, online=())
        low, high = ticket(made, "1m"), ticket(made, "2m", impact="high", urgency="high")
        made.until("1h")
        more = [ticket(made, "3m") for _ in range(2)]
        comes(made, "ann", "1h")
        made.until("2h")
        assert owners(made, [high, low, *more]) == ["ann", "ann", None, None]

    def test_who_goes_before_it_is_reserved_declines_and_another_is_chosen(
        self, folder: Path
    ) -> None:
        made = story(folder, online=("ann", "bob"))
        id = ticket(made)
        real = made.desk.log.append_all
        with pytest.MonkeyPatch.context() as patch:

            def leaves(commits: Any) -> Any:
                done = real(commits)
                if any(isinstance(e, AgentChosen) for commit in commits for e in commit.events):
                    patch.undo()
                    comes(made, "ann", "2m", "offline")
                return done

            patch.setattr(made.desk.log, "append_all", leaves)
            made.until("1h")
        assert [type(each.event) for each in made.by_rules(id)][:3] == [
            AgentChosen,
            ChoiceDropped,
            AgentChosen,
        ]
        assert made.state(id).assignee == "bob"
        assert (held(made, "ann"), held(made, "bob")) == (set(), {id})

    def test_whom_people_assign_meanwhile_keeps_it(self, folder: Path) -> None:
        made = story(folder, online=("ann", "bob"))
        id = ticket(made)
        real = made.desk.log.append_all
        with pytest.MonkeyPatch.context() as patch:

            def takes(commits: Any) -> Any:
                done = real(commits)
                if any(isinstance(e, AgentChosen) for commit in commits for e in commit.events):
                    patch.undo()
                    made.does(SUE, Assign(assignee="cyd"), id, "2m")
                return done

            patch.setattr(made.desk.log, "append_all", takes)
            made.until("1h")
        assert made.state(id).assignee == "cyd"
        assert made.state(id).choice is None
        assert [held(made, agent) for agent in NAMES] == [set(), set(), {id}]


class TestLoad:
    def test_what_people_assign_counts_and_may_exceed(self, folder: Path) -> None:
        made = story(folder, online=("ann",))
        ids = [ticket(made, team="billing") for _ in range(3)]
        for id in ids:
            made.does(SUE, Assign(team="network", assignee="ann"), id, "2m")
        made.until("1h")
        assert held(made, "ann") == set(ids)
        id = ticket(made, "2h")
        made.until("3h")
        assert made.state(id).assignee is None

    def test_it_follows_the_ticket(self, least: Story) -> None:
        id = ticket(least)
        least.until("1h")
        assert held(least, "ann") == {id}
        least.does(SUE, Assign(assignee="bob"), id, "2h")
        least.until("3h")
        assert (held(least, "ann"), held(least, "bob")) == (set(), {id})
        least.does(Actor("bob", "agent"), Solve(), id, "4h")
        least.until("5h")
        assert held(least, "bob") == set()
        least.does(Actor("bob", "agent"), Reopen(), id, "6h")
        least.until("7h")
        assert held(least, "bob") == {id}
        least.does(SUE, MarkSpam(), id, "8h")
        least.until("9h")
        assert held(least, "bob") == set()

    def test_who_gives_it_back_doesn_t_get_it_again_while_others_can(self, least: Story) -> None:
        id = ticket(least)
        least.until("1h")
        assert least.state(id).assignee == "ann"
        least.does(Actor("ann", "agent"), Unassign(), id, "2h")
        least.until("3h")
        assert least.state(id).assignee == "bob"

    def test_capacity_by_channel(self, folder: Path) -> None:
        made = story(folder, online=("bob",))
        for n in range(2):
            made.desk.execute(
                CreateTicket(subject=f"chat {n}", team="network"), actor=SUE, channel="chat"
            )
        mail = ticket(made)
        made.until("1h")
        channels = sorted(each.channel for each in made.desk.load("agent/bob").held.values())
        assert channels == ["api", "chat"]
        assert made.state(mail).assignee == "bob"

    def test_a_rule_s_capacity_is_for_who_has_none(self, folder: Path) -> None:
        made = story(folder, LEAST + "capacity = 3\n", online=("cyd", "ann"))
        ids = [ticket(made, f"{n}m") for n in range(1, 9)]
        made.until("1h")
        assert (len(held(made, "cyd")), len(held(made, "ann"))) == (3, 2)
        assert owners(made, ids).count(None) == 3


class TestWho:
    def test_skills_have_levels(self, folder: Path) -> None:
        made = story(folder, LEAST + "skills = { dns = 2 }\n", online=("bob", "cyd", "ann"))
        ids = [ticket(made, f"{n}m") for n in (1, 2, 3)]
        made.until("1h")
        assert owners(made, ids) == ["ann", "ann", None]

    def test_language(self, folder: Path) -> None:
        made = story(folder, LEAST + "language = true\n")
        ids = [ticket(made, language=language) for language in ("pt-BR", "de", "fr", None)]
        made.until("1h")
        assert owners(made, ids)[:3] == ["bob", "ann", None]
        assert owners(made, ids)[3] == "cyd"

    def test_the_requester_s_last_agent_goes_before_the_others(self, folder: Path) -> None:
        made = story(folder, LEAST + 'affinity = ["requester"]\n')
        kim = kind_and_id(made.desk.execute(RegisterPerson(name="Kim"), actor=SUE).stream)[1]
        first = ticket(made, requester=kim)
        made.until("1h")
        made.does(SUE, Assign(assignee="cyd"), first, "2h")
        made.until("3h")
        again, others = ticket(made, "4h", requester=kim), ticket(made, "4h")
        made.until("5h")
        assert owners(made, [again, others]) == ["cyd", "bob"]
        chosen = made.by_rules(again)[0].event
        assert isinstance(chosen, AgentChosen)
        assert chosen.why == "requester"
        comes(made, "cyd", "6h", "away")
        later = ticket(made, "7h", requester=kim)
        made.until("8h")
        assert made.state(later).assignee == "ann", "affinity makes nobody able"

    def test_the_last_agent_of_whom_the_requester_was_merged_with(self, folder: Path) -> None:
        made = story(folder, LEAST + 'affinity = ["requester"]\n')

        def registered(name: str) -> str:
            made_of = made.desk.execute(RegisterPerson(name=name), actor=SUE)
            return kind_and_id(made_of.stream)[1]

        def does(command: Command, person: str, span: str) -> None:
            made.does(SUE, command, f"person/{person}", span)

        kim, old, oldest = registered("Kim"), registered("Kim L."), registered("K. Lee")
        made.does(SUE, Assign(assignee="cyd"), ticket(made, requester=oldest), "1h")
        made.until("2h")
        does(MergePerson(into=old), oldest, "3h")
        does(MergePerson(into=kim), old, "3h")
        made.until("4h")
        again = ticket(made, "5h", requester=kim)
        made.until("6h")  # A runner of its own, which learns of the merges at its start.
        assert owners(made, [again]) == ["cyd"]
        does(UnmergePerson(), oldest, "7h")
        made.does(SUE, Assign(assignee="ann"), again, "8h")
        made.until("9h")
        apart = [ticket(made, "10h", requester=each) for each in (old, oldest)]
        made.until("11h")
        assert owners(made, apart) == ["ann", "cyd"]

    def test_the_account_team_goes_before_the_others(self, folder: Path) -> None:
        staff = STAFF.replace("ACME", "0")
        made = Story(folder, LEAST + 'affinity = ["account"]\n', staff)
        acme = made.desk.execute(RegisterOrganisation(name="Acme"), actor=SUE)
        acme_id = kind_and_id(acme.stream)[1]
        made.apply(STAFF.replace("ACME", acme_id) + LEAST + 'affinity = ["account"]\n')
        for agent in NAMES:
            comes(made, agent, "1s")
        ids = [ticket(made, organisation=acme_id) for _ in range(3)]
        made.until("1h")
        assert owners(made, ids) == ["cyd"] * 3
        made.desk.close()

    def test_shifts(self, folder: Path) -> None:
        """NOON is on a Monday."""
        made = story(folder, LEAST + "shifts = true\n")
        night = SetShifts(shifts=(Shift(day="mon", start="20:00", end="04:00"),), zone="UTC")
        day = SetShifts(shifts=(Shift(day="mon", start="08:00", end="16:00"),), zone="UTC")
        made.does(SUE, night, "agent/ann", "10s")
        made.does(SUE, day, "agent/bob", "10s")
        ids = [ticket(made, "1m"), ticket(made, "9h")]
        made.until("12h")
        assert owners(made, ids) == ["bob", "ann"]


class TestBalance:
    def dealt(self, folder: Path, balance: str, number: int = 6) -> list[str | None]:
        """One after the other, each settled before the next comes."""
        rules = LEAST.replace("least-loaded", balance).replace("when.all", "capacity = 9\nwhen.all")
        staff = STAFF.replace('capacity = { "*" = 2 }\n', "").replace(
            'capacity = { "*" = 2, chat = 1 }\n', ""
        )
        made = Story(folder, rules, staff)
        for second, agent in enumerate(NAMES):
            comes(made, agent, f"{second}s")
        ids = []
        for n in range(number):
            ids.append(ticket(made, f"{n + 1}m"))
            made.until(f"{n + 1}m 30s")
        found = owners(made, ids)
        made.desk.close()
        return found

    def test_round_robin(self, folder: Path) -> None:
        assert self.dealt(folder, "round-robin") == ["ann", "bob", "cyd"] * 2

    def test_least_loaded(self, folder: Path) -> None:
        assert self.dealt(folder, "least-loaded") == ["ann", "bob", "cyd"] * 2

    def test_most_capacity(self, folder: Path) -> None:
        assert self.dealt(folder, "most-capacity") == ["ann", "bob", "cyd"] * 2

    def test_by_weight(self, folder: Path) -> None:
        """Bob has weight 3."""
        found = self.dealt(folder, "weighted", 10)
        assert (found.count("ann"), found.count("bob"), found.count("cyd")) == (2, 6, 2)

    def test_longest_idle(self, folder: Path) -> None:
        assert self.dealt(folder, "longest-idle", 3) == ["ann", "bob", "cyd"]

    def test_in_one_page_too(self, folder: Path) -> None:
        """Choices that aren't recorded yet count."""
        for balance in ("round-robin", "least-loaded", "most-capacity"):
            rules = LEAST.replace("least-loaded", balance) + "capacity = 2\n"
            made = story(folder / balance, rules)
            ids = [ticket(made) for _ in range(3)]
            made.until("1h")
            assert sorted(map(str, owners(made, ids))) == ["ann", "bob", "cyd"], balance
            made.desk.close()


def test_a_desk_without_rules_assigns_nothing(folder: Path) -> None:
    made = Story(folder, "", STAFF)
    comes(made, "ann", "1s")
    id = ticket(made)
    made.does(SUE, Assign(assignee="ann"), id, "2m")
    made.until("1h")
    assert made.by_rules(id) == []
    assert not [e for e in made.desk.history("agent/ann") if isinstance(e.event, TicketReserved)]
    made.desk.close()
