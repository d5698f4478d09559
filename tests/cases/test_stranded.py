"""What a settings file takes away strands no ticket without a word; a secret in it is warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import helpdesk
from tests.conftest import ROOT
from tests.helpdesk import ANN, SUE
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Forbidden, Invalid
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold
from ticketlog.errors import Usage
from ticketlog.stranding import moves

WITHOUT = helpdesk.SETTINGS.replace("[products.vpn]\n", "")
MOVE = {("product", "vpn"): "mail"}


def test_it_is_refused_and_says_what_is_there(desk: Desk) -> None:
    first = helpdesk.create(desk, product="vpn")
    helpdesk.closed(desk, product="vpn")
    before = desk.settings.position
    with pytest.raises(Invalid, match=rf"product vpn has 1 active tickets \({first}\).*--move"):
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


def test_what_cant_go_there_is_told(desk: Desk) -> None:
    ticket = helpdesk.create(desk, product="vpn")
    done = desk.settings_apply(WITHOUT, actor=SUE, moves={("product", "vpn"): "nonsense"})
    assert list(done.stayed) == [ticket]
    assert "nonsense" in done.stayed[ticket]


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
