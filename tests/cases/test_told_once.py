"""One act is told once: a commit, a rule, a person is one notification that names its occasions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import helpdesk
from tests.conftest import ROOT
from tests.helpdesk import ANN, SUE
from tests.policies.acting import Story
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Invalid, kind_and_id
from ticketlog.domain.parties.person import MergePerson, RegisterPerson
from ticketlog.domain.settings.automation_rules import NotificationRule
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.relations import AddCc, Follow

RULES = """
[notifications.customer]
position = 10
on = ["replied", "reminded", "solved", "reopened"]
to = ["requester", "ccs"]
outbox = "mail"
[notifications.ours]
position = 20
on = ["replied", "noted", "reopened", "assigned", "solved"]
to = ["assignee", "followers", "mentioned"]
outbox = "mail"
"""


def told(desk: Desk, ticket: str) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Rule, occasions and recipients of each notification."""
    return [
        (each.event.rule.partition("@")[0], each.event.occasions, each.event.to)
        for each in desk.history(ticket)
        if isinstance(each.event, NotificationDecided)
    ]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def registered(story: Story, name: str) -> str:
    made = story.desk.execute(RegisterPerson(name=name), actor=ANN)
    return made.stream.removeprefix("person/")


def test_the_example_settings_tell_of_a_reply_that_solves_once(
    tmp_path: Path, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case as a user types it."""
    folder = tmp_path / "desk"
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")

    def done(*line: str) -> Any:
        said = ask(*line)
        assert said.code == 0, said
        return said

    def created(*line: str) -> str:
        return kind_and_id(str(done(*line, "--json").document["stream"]))[1]

    done("init", str(folder))
    done("settings", "apply", str(ROOT / "examples" / "settings.toml"), "--reason", "r")
    done("policies", "run", "--until", "2020-01-01T00:00:00Z")
    kim = created("person", "register", "Kim")
    ticket = created("ticket", "create", "VPN", "--requester", kim, "--as", f"person:{kim}")
    fixed = ("--status", "solved", "--resolution-code", "fixed")
    done("ticket", "reply", ticket, "Fixed, please confirm", *fixed)
    until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    said = done("policies", "run", "--until", until)
    assert "notifications decided: 1 for the outbox mail; none is sent by this" in said.out
    said = done("policies", "run", "--until", until, "--json")
    assert said.document["notifications"] == {}
    with open_desk(folder) as desk:
        (only,) = told(desk, ticket)
        assert only == ("answered", ("replied", "solved"), (f"person/{kim}",))
    assert "occasions replied, solved" in done("ticket", "history", ticket).out


def test_who_reopens_by_a_reply_is_told_of_once_for_each_rule(story: Story) -> None:
    kim = registered(story, "Kim")
    ticket = story.ticket(actor=Actor(kim, "person"), requester=kim)
    story.does(SUE, Assign(team="network", assignee="ann"), ticket, "1h")
    story.does(ANN, Solve(), ticket, "2h")
    story.until("3h")
    before = len(told(story.desk, ticket))
    story.does(Actor(kim, "person"), Reply(body="Not yet"), ticket, "4h")
    story.until("5h")
    (mine,) = told(story.desk, ticket)[before:]
    assert mine == ("ours", ("replied", "reopened"), ("agent/ann",))


def test_each_is_told_of_what_concerns_them(story: Story) -> None:
    """A note that mentions one of them is news to all who follow, and named once to each."""
    ticket = story.ticket()
    story.does(SUE, Follow(), ticket, "1h")
    story.does(SUE, Assign(team="billing", assignee="bob"), ticket, "2h")
    story.does(ANN, Note(body="look", mentions=("sue", "bob")), ticket, "3h")
    story.until("4h")
    assert told(story.desk, ticket) == [
        ("ours", ("assigned",), ("agent/bob",)),
        ("ours", ("noted",), ("agent/bob", "agent/sue")),
    ]


def test_a_person_under_two_ids_is_told_once_and_not_of_their_own_doing(story: Story) -> None:
    kim, old = registered(story, "Kim"), registered(story, "Kim L.")
    ticket = story.ticket(actor=Actor(kim, "person"), requester=kim)
    story.does(ANN, AddCc(person=old), ticket, "1h")
    story.desk.execute(MergePerson(into=kim), on=f"person/{old}", actor=SUE)
    story.does(ANN, Reply(body="Which one?"), ticket, "2h")
    story.until("3h")
    assert told(story.desk, ticket) == [("customer", ("replied",), (f"person/{kim}",))]
    story.does(Actor(kim, "person"), Reply(body="All"), ticket, "4h")
    story.until("5h")
    assert len(told(story.desk, ticket)) == 1


def test_an_agent_who_is_also_a_person_is_one_human(story: Story) -> None:
    """Ann asks as Kim, follows as ann, and is in copy under an id that was merged into Kim."""
    kim, old = registered(story, "Ann"), registered(story, "Ann L.")
    story.desk.execute(MergePerson(into=kim), on=f"person/{old}", actor=SUE)
    everybody = """
[notifications.all]
position = 10
on = ["replied", "noted", "solved", "assigned"]
to = ["requester", "ccs", "assignee", "followers", "mentioned"]
outbox = "mail"
"""
    with pytest.raises(Invalid, match=r"\[notifications.all\] noted: internal"):
        story.apply(everybody)
    everybody = everybody.replace('"noted", ', "")
    with pytest.raises(Invalid, match=r"\[agents.ann\] person NOBODY is not known"):
        story.apply(everybody + '[agents.ann]\nperson = "NOBODY"\n')
    ours = helpdesk.SETTINGS.replace("[agents.ann]", f'[agents.ann]\nperson = "{old}"')
    story.desk.settings_apply(ours + everybody, actor=SUE)
    ticket = story.ticket(actor=Actor(kim, "person"), requester=kim)
    story.does(ANN, Follow(), ticket, "1h")
    story.does(SUE, Reply(body="Which?"), ticket, "2h")
    story.does(ANN, Reply(body="This one"), ticket, "3h")
    story.does(Actor(kim, "person"), Reply(body="And that"), ticket, "4h")
    story.does(SUE, Assign(team="network", assignee="ann"), ticket, "5h")
    story.does(ANN, Solve(), ticket, "6h")
    story.until("7h")
    assert told(story.desk, ticket) == [
        ("all", ("replied",), ("agent/ann",)),
        ("all", ("assigned",), ("agent/ann",)),
    ]


def test_what_an_agent_said_as_a_person_is_no_news_to_them(
    story: Story, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.VARIABLE, str(story.desk.folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    kim, old = registered(story, "Ann"), registered(story, "Ann L.")
    ours = helpdesk.SETTINGS.replace("[agents.ann]", f'[agents.ann]\nperson = "{kim}"')
    story.desk.settings_apply(ours, actor=SUE)
    ticket = story.ticket(actor=Actor(old, "person"), requester=old)
    story.does(ANN, Follow(), ticket, "1h")
    story.does(Actor(old, "person"), Reply(body="It is the modem"), ticket, "2h")

    def news() -> list[str]:
        return [each["why"] for each in ask("inbox", "ann", "--json").document["waiting"]]

    assert news() == ["news"]
    story.desk.execute(MergePerson(into=kim), on=f"person/{old}", actor=SUE)
    assert sorted(story.desk.selves("ann")) == sorted([f"person/{kim}", f"person/{old}"])
    assert news() == []
    assert "nothing to do" in ask("inbox", "seen", "--all").err
    story.does(SUE, Reply(body="A new one comes"), ticket, "3h")
    assert news() == ["news"]


def test_end_users_are_told_of_nothing_internal(desk: Desk) -> None:
    for on in ("noted", "warned", "breached", "escalated"):
        for to in ("requester", "ccs"):
            rule = f"""
[notifications.leak]
position = 10
on = ["replied", "{on}"]
to = ["assignee", "{to}"]
outbox = "mail"
"""
            with pytest.raises(Invalid, match=rf"\[notifications.leak\] {on}: internal.*{to}"):
                desk.settings_apply(rule, actor=SUE)
    assert not desk.settings.rules_of(NotificationRule)


def test_a_rule_that_an_older_release_took_tells_them_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = """
[notifications.leak]
position = 10
on = ["noted", "solved"]
to = ["requester", "assignee"]
outbox = "mail"
"""
    with monkeypatch.context() as older:
        older.setattr(NotificationRule, "broken_when_said", lambda rule: iter(()))
        story = Story(tmp_path / "desk", leak)
    kim = registered(story, "Kim")
    ticket = story.ticket(actor=Actor(kim, "person"), requester=kim)
    story.does(SUE, Assign(team="network", assignee="sue"), ticket, "1h")
    story.does(ANN, Note(body="they don't pay"), ticket, "2h")
    story.does(ANN, Solve(), ticket, "3h")
    story.until("4h")
    assert told(story.desk, ticket) == [
        ("leak", ("noted",), ("agent/sue",)),
        ("leak", ("solved",), (f"person/{kim}", "agent/sue")),
    ]
    story.apply('[categories.new]\nlabel = "New"\n')  # Says nothing of notifications.
    with pytest.raises(Invalid, match="internal"):
        story.apply(leak.replace("position = 10", "position = 11"))
    story.desk.close()


_ACTS = st.sampled_from(
    [
        (ANN, Reply(body="Hm")),
        (ANN, Reply(body="Done", status="solved", resolution_code="x")),
        (ANN, Note(body="?", mentions=("bob",))),
        (SUE, Assign(team="billing", assignee="bob")),
        (SUE, Assign(team="network", assignee="ann")),
        (Actor("KIM", "person"), Reply(body="Well")),
        (SUE, Solve()),
    ]
)


@given(st.lists(_ACTS, max_size=8))
def test_of_each_commit_a_rule_tells_each_once(acts: list[tuple[Actor, Any]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder) / "desk", RULES)
        create = CreateTicket(subject="VPN", requester=None)
        actor = Actor("KIM", "person")
        ticket = story.desk.execute(create, actor=actor).stream
        for who, command in acts:
            story.desk.execute(command, on=ticket, actor=who)
        story.desk.policies().run_until(story.desk.load(ticket).clock)
        commits = {each.id: each.meta.commit for each in story.desk.history(ticket)}
        found = [
            (commits[each.event.of], each.event.rule, person)
            for each in story.desk.history(ticket)
            if isinstance(each.event, NotificationDecided)
            for person in each.event.to
        ]
        assert len(found) == len(set(found))
        story.desk.close()
