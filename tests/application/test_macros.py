"""Macros: what is previewed is what applying records, in one commit or not at all, by those for
whom they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE
from ticketlog.application.macros import marked, offered, preview
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Forbidden, Invalid, MissingFields, Refused, Stale
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.automation import RuleFired
from ticketlog.domain.ticket.conversation import Noted, Replied, Reply
from ticketlog.domain.ticket.macros import ApplyMacro, MacroApplied, words_changed

SETTINGS = (
    helpdesk.SETTINGS.replace("[teams.network]", '[teams.network]\nsignature = "of-network"')
    .replace("[agents.ann]", '[agents.ann]\nname = "Ann Lee"\nsignature = "of-ann"')
    .replace("[agents.bob]", '[agents.bob]\nname = "Bob Roe"')
    + """
[templates.of-ann]
text.en = "{{ agent.name }}, network"
[templates.of-network]
text.en = "Your network team"
[templates.restart]
default = "en"
text.en = '''
Hello {{ requester.name }},
please restart the client.
{{ signature }}'''
text.de = "Guten Tag {{ requester.name }}, Ihre Anfrage vom {{ ticket.created_at | date }}."
[templates.sorted]
internal = true
text.en = "Was in {{ ticket.category }}, tags {{ ticket.tags | join }}"

[macros.restart]
title = "Restart the client"
reply = "restart"
status = "pending"
team = "network"
assignee = "@me"
follow = ["bob"]
add_tags = ["vpn"]
fields.floor = 3
[macros.sort]
note = "sorted"
team = "billing"
[macros.solve]
status = "solved"
[macros.billing-only]
teams = ["billing"]
add_tags = ["bill"]
[macros.anns]
agent = "ann"
add_tags = ["ann"]
[macros.mails]
when.all = [{ field = "product", is = "mail" }]
add_tags = ["mail"]
"""
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("macros") / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        desk.settings_apply(SETTINGS, actor=SUE, reason="macros")
    return folder


@pytest.fixture
def desk(template: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(helpdesk.copy(template, tmp_path / "desk")) as desk:
        yield desk


def kim(desk: Desk, language: str | None = None) -> str:
    made = desk.execute(RegisterPerson(name="Kim Ruiz", language=language), actor=ANN)
    return made.stream.removeprefix("person/")


def test_a_macro_is_one_commit_under_its_version(desk: Desk) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk))
    done = desk.execute(ApplyMacro(macro="restart"), on=ticket, actor=ANN)
    assert len({each.meta.commit for each in done.events}) == 1
    first, *events = [each.event for each in done.events]
    assert first == MacroApplied(macro="restart@1", language="en", edited=0)
    (reply,) = [each for each in events if isinstance(each, Replied)]
    assert reply.body == "Hello Kim Ruiz,\nplease restart the client.\nAnn Lee, network"
    assert (reply.macro, reply.template, reply.author) == ("restart@1", "restart@1", "ann")
    state = desk.load(f"ticket/{ticket}")
    assert (state.status, state.team, state.assignee) == ("pending", "network", "ann")
    assert (state.tags, state.followers, state.fields) == (("vpn",), ("bob",), {"floor": 3})


def test_the_text_is_in_the_requesters_language_and_the_teams_signature_stands_in(
    desk: Desk,
) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk, "de-AT"))
    text = preview(desk, "restart", f"ticket/{ticket}", actor=ANN).text
    assert text is not None
    assert text.startswith("Guten Tag Kim Ruiz, Ihre Anfrage vom ")
    english = helpdesk.create(desk, requester=kim(desk, "fr"))
    text = preview(desk, "restart", f"ticket/{english}", actor=SUE).text
    assert text is not None
    assert text.endswith("Your network team")


def test_what_lacks_a_field_is_refused_whole_and_named(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    before = desk.load(f"ticket/{ticket}").version
    for send in (
        lambda: preview(desk, "restart", f"ticket/{ticket}", actor=ANN),
        lambda: desk.execute(ApplyMacro(macro="restart"), on=ticket, actor=ANN),
        lambda: desk.execute(ApplyMacro(macro="restart", text="Hi"), on=ticket, actor=ANN),
    ):
        with pytest.raises(MissingFields, match=r"requester\.name") as refused:
            send()
        assert refused.value.facts["fields"] == ("requester.name",)
    with pytest.raises(MissingFields, match=r"ticket\.category"):
        desk.execute(ApplyMacro(macro="sort"), on=ticket, actor=ANN)
    assert desk.load(f"ticket/{ticket}").version == before


def test_only_those_for_whom_it_is_see_and_apply_it(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    names = {who.id: [each.macro for each in offered(desk, who).macros] for who in (ANN, BOB, SUE)}
    everybody = {"restart@1", "sort@1", "solve@1", "mails@1"}
    assert set(names["ann"]) - everybody == {"anns@1", "billing-only@1"}
    assert set(names["bob"]) - everybody == {"billing-only@1"}
    assert set(names["sue"]) == everybody
    with pytest.raises(Forbidden, match="is for agent ann"):
        desk.execute(ApplyMacro(macro="anns"), on=ticket, actor=BOB)
    with pytest.raises(Forbidden, match="is for the teams billing"):
        desk.execute(ApplyMacro(macro="billing-only"), on=ticket, actor=SUE)
    with pytest.raises(Forbidden):
        desk.execute(ApplyMacro(macro="solve"), on=ticket, actor=Actor(kim(desk), "person"))


def test_a_macro_can_do_nothing_that_its_agent_may_not_do(desk: Desk) -> None:
    narrowed = SETTINGS + '\n[roles.notes]\nlike = "agent"\ncommands = ["ticket.apply-macro"]\n'
    narrowed = narrowed.replace(
        'teams = ["billing"]\n', 'teams = ["billing"]\nroles = ["notes"]\n', 1
    )
    desk.settings_apply(narrowed, actor=SUE, reason="roles")
    ticket = helpdesk.create(desk, requester=kim(desk))
    with pytest.raises(Forbidden, match=r"ticket\.set-fields"):
        desk.execute(ApplyMacro(macro="restart"), on=ticket, actor=BOB)


def test_conditions_are_told_in_the_list_and_hold_when_it_is_applied(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    rows = {each.macro: each for each in offered(desk, ANN, f"ticket/{ticket}").macros}
    assert (rows["mails@1"].fits, rows["mails@1"].why_not) == (False, "product is mail")
    assert rows["solve@1"].fits
    with pytest.raises(Refused, match="doesn't fit"):
        desk.execute(ApplyMacro(macro="mails"), on=ticket, actor=ANN)


def test_an_edited_text_is_sent_and_how_far_it_was_edited_is_recorded(desk: Desk) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk))
    text = "Hello Kim Ruiz,\nplease restart the laptop.\nAnn Lee, network"
    done = desk.execute(ApplyMacro(macro="restart@1", text=text), on=ticket, actor=ANN)
    applied = done.events[0].event
    assert isinstance(applied, MacroApplied)
    assert applied.edited == 10  # one word of ten
    assert [e.event.body for e in done.events if isinstance(e.event, Replied)] == [text]
    with pytest.raises(Invalid, match="says nothing"):
        desk.execute(ApplyMacro(macro="solve", text="x"), on=ticket, actor=ANN)


def test_another_version_than_the_one_that_was_seen_is_not_applied(desk: Desk) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk))
    desk.settings_apply(
        SETTINGS.replace('status = "pending"', 'status = "open"'), actor=SUE, reason="other"
    )
    with pytest.raises(Refused, match="restart@2 now"):
        desk.execute(ApplyMacro(macro="restart@1"), on=ticket, actor=ANN)
    assert desk.execute(ApplyMacro(macro="restart@2"), on=ticket, actor=ANN).events


def test_what_was_said_since_it_was_seen_stops_a_macro_that_replies(desk: Desk) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk))
    seen = desk.load(f"ticket/{ticket}").version
    desk.execute(Reply(body="I did already"), on=ticket, actor=BOB)
    with pytest.raises(Stale):
        desk.execute(ApplyMacro(macro="restart"), on=ticket, actor=ANN, seen=seen)


def test_a_ticket_that_is_so_already_is_left_alone(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    assert desk.execute(ApplyMacro(macro="anns"), on=ticket, actor=ANN).events
    assert not desk.execute(ApplyMacro(macro="anns"), on=ticket, actor=ANN).events
    assert not preview(desk, "anns", f"ticket/{ticket}", actor=ANN).events


WORDS = st.lists(st.sampled_from(["Hello", "Kim", "please", "restart", "\n", "now"]), min_size=1)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@hypothesis_given(
    text=st.none() | WORDS.map(" ".join).filter(str.strip),
    macro=st.sampled_from(["restart", "sort", "solve", "anns", "mails", "billing-only"]),
    category=st.booleans(),
    actor=st.sampled_from([ANN, BOB, SUE]),
)
def test_what_is_previewed_is_what_is_recorded(
    desk: Desk, text: str | None, macro: str, category: bool, actor: Actor
) -> None:
    ticket = helpdesk.create(desk, requester=kim(desk), product="mail", tags=("a",))
    if macro == "sort" and category:
        text = None
    before = desk.load(f"ticket/{ticket}").version
    said_no = None
    try:
        planned = preview(desk, macro, f"ticket/{ticket}", actor=actor, text=text)
    except Refused as refusal:
        said_no = str(refusal)
    if said_no is not None:
        with pytest.raises(Refused) as refused:
            desk.execute(ApplyMacro(macro=macro, text=text), on=ticket, actor=actor)
        assert str(refused.value) == said_no
        assert desk.load(f"ticket/{ticket}").version == before
        return
    assert desk.load(f"ticket/{ticket}").version == before
    done = desk.execute(ApplyMacro(macro=macro, text=text), on=ticket, actor=actor)
    recorded = [
        (each.event.NAME, each.event.model_dump(mode="json", exclude_defaults=True))
        for each in done.events
    ]
    assert [(each.type, each.data) for each in planned.events] == recorded
    assert len({each.meta.commit for each in done.events}) <= 1
    said = [e.event.body for e in done.events if isinstance(e.event, Replied | Noted)]
    assert said == ([] if planned.text is None else [planned.text])


@hypothesis_given(WORDS.map(" ".join), WORDS.map(" ".join))
def test_marked_parts_are_both_texts(before: str, now: str) -> None:
    parts = list(marked(before, now))
    assert "".join(p["text"] for p in parts if p["mark"] != "removed") == now
    assert "".join(p["text"] for p in parts if p["mark"] != "added") == before
    assert words_changed(now, now) == 0


def test_a_routing_rule_speaks_the_same_words(desk: Desk) -> None:
    rule = """
[routing.mail]
position = 1
when.all = [{ field = "product", is = "mail" }]
team = "billing"
assignee = "bob"
reply = "hello"
status = "pending"
follow = ["ann"]
fields.remote = true
[templates.hello]
text.en = "We have your mail, {{ requester.name }}."
"""
    desk.settings_apply(SETTINGS + rule, actor=SUE, reason="routing")
    desk.policies().run_until(desk.now())
    ticket = helpdesk.create(desk, requester=kim(desk), product="mail")
    desk.policies().run_until(desk.now())
    events = [each.event for each in desk.history(ticket)]
    assert [each.rule for each in events if isinstance(each, RuleFired)] == ["mail@1"]
    (reply,) = [each for each in events if isinstance(each, Replied)]
    assert (reply.body, reply.automated) == ("We have your mail, Kim Ruiz.", True)
    (given,) = [each for each in events if isinstance(each, AssigneeChanged)]
    assert (given.method, given.rule) == ("rule", "mail@1")
    state = desk.load(f"ticket/{ticket}")
    assert (state.status, state.followers, state.fields) == ("pending", ("ann",), {"remote": True})


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("[macros.x]\ntitle = 'x'", "does nothing"),
        ("[macros.x]\nreply = 'sorted'", "internal"),
        ("[macros.x]\nreply = 'nothing'", "template 'nothing' is unknown"),
        ("[macros.x]\nstatus = 'gone'", "status 'gone' is unknown"),
        ("[macros.x]\nadd_tags = ['x']\nteams = ['network']\nagent = 'ann'", "leave one of them"),
        ("[macros.x]\nfields.gone = 1", "field 'gone' is unknown"),
        ("[routing.x]\nposition = 1\nassignee = '@me'", "a rule is no agent"),
        ("[templates.x]\ntext.en = '{{ ticket.team }}'", "recipients may not see"),
        ("[templates.x]\ntext.en = '{{ ticket.subjekt }}'", "stands for nothing"),
    ],
)
def test_a_settings_file_that_says_nonsense_is_refused(desk: Desk, table: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        desk.settings_apply(f"{SETTINGS}\n{table}\n", actor=SUE, reason="x")
