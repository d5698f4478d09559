"""What a settings file takes away strands no ticket without a word; a secret in it is warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import helpdesk
from tests.conftest import ROOT
from tests.helpdesk import ANN, SUE
from tests.said import Run, Said
from ticketlog import config
from ticketlog.application.settings_removal import moves
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Forbidden, Invalid
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold, SetStatus
from ticketlog.errors import Usage

WITHOUT = helpdesk.SETTINGS.replace("[products.vpn]\n", "")
RETIRED = helpdesk.SETTINGS.replace("[agents.ann]", "[agents.ann]\nretired = true")
MOVE = {("product", "vpn"): "mail"}


def test_it_is_refused_and_says_what_is_there(desk: Desk) -> None:
    first = helpdesk.create(desk, product="vpn")
    helpdesk.closed(desk, product="vpn")
    before = desk.settings.position
    with pytest.raises(Invalid, match=rf"product vpn has 1 active ticket \({first}\).*--move"):
        desk.settings_apply(WITHOUT, actor=SUE)
    assert desk.settings.position == before


def test_who_may_not_apply_learns_of_no_ticket(desk: Desk) -> None:
    first = helpdesk.create(desk, product="vpn")
    with pytest.raises(Forbidden) as refused:
        desk.settings_apply(WITHOUT, actor=ANN)
    assert first not in str(refused.value)


def test_what_no_ticket_has_goes(desk: Desk) -> None:
    helpdesk.create(desk, product="mail")
    desk.settings_apply(WITHOUT, actor=SUE)
    assert "vpn" not in desk.settings.products


def test_a_move_takes_them_along(desk: Desk) -> None:
    tickets = [helpdesk.create(desk, product="vpn") for _ in range(3)]
    done = desk.settings_apply(WITHOUT, actor=SUE, moves=MOVE)
    assert sorted(done.moved) == sorted(tickets)
    assert {desk.load(ticket).product for ticket in tickets} == {"mail"}
    assert desk.history(tickets[0])[-1].meta.actor.id == "sue"
    ends = desk.log.ends()
    assert desk.settings_apply(WITHOUT, actor=SUE, moves=MOVE).moved == ()
    assert desk.log.ends() == ends


def test_cut_off_it_is_finished_by_the_same_line(desk: Desk) -> None:
    tickets = [helpdesk.create(desk, product="vpn") for _ in range(3)]
    desk.settings_apply(WITHOUT, actor=SUE, strand=True)
    assert {desk.load(ticket).product for ticket in tickets} == {"vpn"}
    assert len(desk.settings_apply(WITHOUT, actor=SUE, moves=MOVE).moved) == 3


def test_a_move_to_what_wont_be_there_is_refused_before_anything_happens(desk: Desk) -> None:
    helpdesk.create(desk, product="vpn")
    before = desk.settings.position
    with pytest.raises(Invalid, match=r"vpn can't move to 'nonsense': .* mail"):
        desk.settings_apply(WITHOUT, actor=SUE, moves={("product", "vpn"): "nonsense"})
    assert desk.settings.position == before


def test_what_cant_go_there_is_told(desk: Desk) -> None:
    first, other = (helpdesk.create(desk, team="network") for _ in range(2))
    desk.execute(Assign(assignee="ann"), on=first, actor=SUE)
    desk.execute(Assign(assignee="ann"), on=other, actor=SUE)
    desk.execute(Assign(team="billing"), on=other, actor=SUE)
    done = desk.settings_apply(RETIRED, actor=SUE, moves={("agent", "ann"): "bob"})
    assert (list(done.moved), list(done.stayed)) == ([other], [first])
    assert "bob is not in team network" in done.stayed[first]


class TestWhatElseIsInUse:
    """Of what strands nothing it is told what becomes of it."""

    SEVERITY = """
[fields.severity]
kind = "choice"
options = [{ id = "s1" }, { id = "s2" }, { id = "s3" }]
[fields.systems]
kind = "choices"
options = [{ id = "dns" }, { id = "vpn" }]
"""
    POLICY = """
[sla_policies.gold]
position = 1
calendar = "office"
targets = [{ metric = "first_reply_time", within = { medium = "1h" }, business = true }]
[sla_policies.rest]
position = 2
targets = [{ metric = "first_reply_time", within = { medium = "2h" } }]
[calendars.office]
zone = "UTC"
years = [2026, 2030]
week = { mon-fri = ["09:00-17:00"] }
"""

    def kept(self, desk: Desk, file: str) -> tuple[str, ...]:
        return desk.settings_apply(file, actor=SUE).kept

    def test_an_agent(self, desk: Desk) -> None:
        ticket = helpdesk.create(desk, team="network", assignee="ann")
        (said,) = self.kept(desk, RETIRED)
        assert said == f"agent ann has 1 active ticket ({ticket}): they wait for an agent again"

    def test_an_agent_who_leaves_a_team(self, desk: Desk) -> None:
        helpdesk.create(desk, team="billing", assignee="ann")
        ticket = helpdesk.create(desk, team="network", assignee="ann")
        left = helpdesk.SETTINGS.replace('teams = ["network", "billing"]', 'teams = ["billing"]')
        (said,) = self.kept(desk, left)
        assert said.startswith(f"agent ann has 1 active ticket ({ticket})")

    def test_an_agents_tickets_move_to_another(self, desk: Desk) -> None:
        ticket = helpdesk.create(desk, team="billing", assignee="ann")
        done = desk.settings_apply(RETIRED, actor=SUE, moves={("agent", "ann"): "bob"})
        assert (done.moved, done.kept, desk.load(ticket).assignee) == ((ticket,), (), "bob")

    def test_a_field_and_an_option(self, desk: Desk) -> None:
        desk.settings_apply(helpdesk.SETTINGS + self.SEVERITY, actor=SUE)
        ticket = helpdesk.create(desk, fields={"severity": "s3", "systems": ("vpn",)})
        retired = self.SEVERITY.replace('{ id = "s3" }', '{ id = "s3", retired = true }')
        retired = retired.replace('{ id = "vpn" }', '{ id = "vpn", retired = true }')
        options = self.kept(desk, helpdesk.SETTINGS + retired)
        assert [each.partition(" has ")[0] for each in options] == [
            "option severity/s3",
            "option systems/vpn",
        ]
        fields = self.kept(desk, helpdesk.SETTINGS)
        assert [each.partition(" has ")[0] for each in fields] == [
            "field severity",
            "field systems",
        ]
        assert desk.load(ticket).fields == {"severity": "s3", "systems": ("vpn",)}

    def test_options_and_fields_move(self, desk: Desk) -> None:
        desk.settings_apply(helpdesk.SETTINGS + self.SEVERITY, actor=SUE)
        ticket = helpdesk.create(desk, fields={"severity": "s3", "systems": ("dns", "vpn")})
        other = helpdesk.create(desk, fields={"severity": "s1"})
        retired = self.SEVERITY.replace('{ id = "s3" }', '{ id = "s3", retired = true }')
        retired = retired.replace('{ id = "vpn" }', '{ id = "vpn", retired = true }')
        moves = {("option", "severity/s3"): "s2", ("option", "systems/vpn"): "dns"}
        desk.settings_apply(helpdesk.SETTINGS + retired, actor=SUE, moves=moves)
        assert desk.load(ticket).fields == {"severity": "s2", "systems": ("dns",)}
        assert desk.load(other).fields == {"severity": "s1"}
        renamed = helpdesk.SETTINGS + retired.replace("fields.severity", "fields.damage")
        desk.settings_apply(renamed, actor=SUE, moves={("field", "severity"): "damage"})
        assert desk.load(ticket).fields["damage"] == "s2"
        assert desk.load(ticket).fields.get("severity") is None
        assert desk.load(other).fields["damage"] == "s1"

    def test_a_policy_and_a_calendar(self, desk: Desk) -> None:
        desk.settings_apply(helpdesk.SETTINGS + self.POLICY, actor=SUE)
        ticket = helpdesk.create(desk)
        rest = "[sla_policies.rest]" + self.POLICY.partition("[sla_policies.rest]")[2]
        rest = rest.partition("[calendars")[0] + "[calendars]\n"
        policy, calendar = self.kept(desk, helpdesk.SETTINGS + rest)
        assert policy.startswith(f"sla-policy gold has 1 active ticket ({ticket}): their clocks")
        assert calendar.startswith(f"calendar office has 1 active ticket ({ticket}): their clocks")
        assert desk.load(ticket).sla.policy.id == "gold"

    def test_a_workflow_and_the_types_that_had_it(self, desk: Desk) -> None:
        example = (ROOT / "examples" / "settings.toml").read_text()
        own = """
[workflows.special]
types = ["problem"]
statuses = [
    { id = "new", category = "new" },
    { id = "open", category = "open" },
    { id = "lab", category = "on-hold" },
    { id = "solved", category = "solved" },
    { id = "closed", category = "closed" },
]
transitions = [{ from = "*", to = "*" }]
"""
        desk.settings_apply(example + own, actor=SUE)
        ann = Actor("ann", "agent")
        lab = desk.execute(CreateTicket(subject="VPN", type="problem"), actor=ann).stream
        desk.execute(SetStatus(status="lab"), on=lab, actor=ann)
        desk.execute(CreateTicket(subject="VPN", type="problem"), actor=ann)
        desk.execute(CreateTicket(subject="VPN"), actor=ann)
        with pytest.raises(Invalid, match="status lab has 1 active ticket "):
            desk.settings_apply(example, actor=SUE)
        done = desk.settings_apply(example, actor=SUE, moves={("status", "lab"): "open"})
        (said,) = done.kept
        assert "workflow special has 2 active tickets" in said
        assert "they follow workflow" in said
        assert desk.load(lab).status == "open"


class TestInTheFile:
    """`[moves]` says it as `--move` does."""

    def test_moves(self, desk: Desk) -> None:
        ticket = helpdesk.create(desk, product="vpn", team="billing", assignee="ann")
        file = RETIRED.replace("[products.vpn]\n", "")
        file += '[moves]\nproduct = { vpn = "mail" }\nagent = { ann = "bob" }\n'
        assert desk.settings_apply(file, actor=SUE).moved == (ticket,), "once, though twice moved"
        assert (desk.load(ticket).product, desk.load(ticket).assignee) == ("mail", "bob")
        assert desk.settings_apply(file, actor=SUE).moved == ()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('[moves.mood]\na = "b"', r"\[moves\] mood is unknown; known are status"),
            ("[moves.team]\na = 5", r"\[moves.team\] a should be the name"),
            ('[moves]\nteam = "b"', r"\[moves.team\]  should be the name"),
        ],
    )
    def test_what_is_no_move(self, desk: Desk, text: str, said: str) -> None:
        with pytest.raises(Usage, match=said):
            desk.settings_apply(text, actor=SUE)


class TestCheck:
    """A dry run: what would happen, and nothing does."""

    @pytest.fixture
    def check(self, desk: Desk, ask: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
        monkeypatch.setenv(config.VARIABLE, str(desk.folder))
        monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")

        def checked(text: str, *more: str) -> Said:
            file = desk.folder / "new.toml"
            file.write_text(text)
            before = (desk.log.ends(), desk.settings.position)
            said = ask("settings", "apply", str(file), "--check", *more)
            assert (desk.log.ends(), desk.settings.position) == before
            return said

        return checked

    def test_what_would_become_an_event(self, check: Run) -> None:
        said = check(helpdesk.SETTINGS.replace('"billing"]', '"billing"]\nskills = { dns = 2 }'))
        assert said.code == 0
        assert "2 would change:\n  agent/ann: changed: skills dns=2\n  agent/bob" in said.out
        assert "nothing differs" in check(helpdesk.SETTINGS).out

    def test_what_it_asks(self, desk: Desk, check: Run) -> None:
        ticket = helpdesk.create(desk, product="vpn")
        said = check(WITHOUT)
        assert said.code == 1
        assert "product/vpn: removed" in said.out
        assert f"product vpn has 1 active ticket ({ticket}): say where they go" in said.out
        assert check(WITHOUT, "--strand").code == 0
        moved = check(WITHOUT, "--move", "product:vpn=mail")
        assert (moved.code, "would move to mail" in moved.out) == (0, True)
        assert check(WITHOUT, "--move", "product:vpn=fax").code == 1

    def test_for_programs(self, desk: Desk, check: Run) -> None:
        ticket = helpdesk.create(desk, product="vpn", team="network", assignee="ann")
        document = check(RETIRED.replace("[products.vpn]\n", ""), "--json").document
        product, agent = document["in_use"]
        assert product == {
            "kind": "product",
            "id": "vpn",
            "tickets": 1,
            "first": [ticket],
            "keeps": None,
            "strands": True,
            "goes": None,
        }
        assert (agent["id"], agent["strands"]) == ("ann", False)
        assert [each["stream"] for each in document["changes"]] == ["agent/ann", "product/vpn"]

    def test_what_contradicts_itself(self, check: Run) -> None:
        said = check(helpdesk.SETTINGS.replace('teams = ["network", "billing"]', 'teams = ["x"]'))
        assert (said.code, "team" in said.err) == (1, True)

    def test_who_may_not_apply_learns_nothing(self, desk: Desk, check: Run) -> None:
        ticket = helpdesk.create(desk, product="vpn")
        said = check(WITHOUT, "--as", "agent:ann")
        assert said.code == 1
        assert ticket not in said.out + said.err


def test_a_team(desk: Desk) -> None:
    ticket = helpdesk.create(desk, team="billing")
    without = helpdesk.SETTINGS.replace("[teams.billing]\n", "").replace('"billing"', '"network"')
    without = without.replace('["network", "network"]', '["network"]')
    with pytest.raises(Invalid, match="team billing has 1 active"):
        desk.settings_apply(without, actor=SUE)
    desk.settings_apply(without, actor=SUE, moves={("team", "billing"): "network"})
    assert desk.load(ticket).team == "network"


def test_a_status_that_retires(desk: Desk) -> None:
    example = (ROOT / "examples" / "settings.toml").read_text()
    desk.settings_apply(example, actor=SUE)
    ann = Actor("ann", "agent")
    ticket = desk.execute(CreateTicket(subject="VPN"), actor=ann).stream
    desk.execute(Hold(reason="parts"), on=ticket, actor=ann)
    retired = re.sub(r'(to = \[[^]]*?), "on-hold"', r"\1", example)
    retired = retired.replace('label = "On hold" }', 'label = "On hold", retired = true }')
    with pytest.raises(Invalid, match="status on-hold has 1 active"):
        desk.settings_apply(retired, actor=SUE)
    done = desk.settings_apply(retired, actor=SUE, moves={("status", "on-hold"): "open"})
    assert (done.stayed, desk.load(ticket).status) == ({}, "open")


@pytest.mark.parametrize("text", ["status", "status:a", "status:=b", "mood:a=b", "status:a="])
def test_what_is_no_move_is_told(text: str) -> None:
    with pytest.raises(Usage, match="KIND:OLD=NEW"):
        moves((text,))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("password: hunter2hunter2", "a password or token"),
        ("AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
        ("https://ann:geheim@example.org/hook", "an address with a password"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_secret_is_warned_of_and_never_shown(
    folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
    file = folder / "more.toml"
    file.write_text(f'[categories.x]\nlabel = "{text}"\n')
    said = ask("settings", "apply", str(file))
    assert said.code == 0
    assert f"category x label looks like {what}" in said.err
    assert text not in said.out + said.err
    file.write_text('[categories.x]\nlabel = "Forgotten passwords, tokens"\n')
    assert ask("settings", "apply", str(file)).err == ""
