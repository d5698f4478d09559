"""A kind of rule that nobody knows is added as docs/ARCHITECTURE.md says, to a copy of the package:
written in a file, refused where it is wrong, recorded, read back, shown, explained, obeyed, counted
and removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ticketlog
from tests.said import Said

ROOT = Path(__file__).parents[1]
VALUE = '''
class TaggingRule(Rule):
    """Which tag a new ticket gets."""

    tag: Key
    after: Annotated[Seconds, Field(ge=1), DURATION] | None = None

    def broken(self, settings: Settings) -> Iterator[str]:
        if self.tag == "tag":
            yield "a tag that is called tag says nothing"


class TaggingRuleSet(SettingChanged):
    """A rule of tags is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.tagging-rule-set.v1"
    old: TaggingRule | None = None
    new: TaggingRule | None = None


RULE_KINDS: tuple[RuleKind, ...] = (
    RuleKind("tagging-rule", "tagging", TaggingRule, TaggingRuleSet),
'''
POLICY = '''
"""Tagging: new tickets get tags."""

from ticketlog.domain.settings.automation_rules import TaggingRule
from ticketlog.domain.settings.conditions import matches
from ticketlog.domain.settings.model import cited
from ticketlog.domain.settings.rule import in_order
from ticketlog.domain.ticket.classification import Tag, TagsChanged
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.policies.protocol import Reaction, RulePolicy, by_actor

NAME = "tagging"
ON = frozenset({TicketCreated})


def react(recorded, situation):
    facts = facts_of(situation.after(), situation.settings)
    for rule in in_order(situation.settings.rules_of(TaggingRule).values()):
        if matches(rule.when, facts):
            named = cited("tagging-rule", rule.id, situation.settings)
            yield Reaction(Tag(add=(rule.tag,)), recorded.originator_id, named, rule.id)


RULES = RulePolicy(
    TaggingRule,
    acts={},
    acts_as_actor={TagsChanged: by_actor},
    commands=frozenset({Tag.NAME}),
)
'''
EDITS = {
    "domain/settings/automation_rules.py": [
        ("\nRULE_KINDS: tuple[RuleKind, ...] = (\n", VALUE),
    ],
    "policies/__init__.py": [
        ("    sla_timer,\n", "    sla_timer,\n    tagging,\n"),
        ("(routing, absence,", "(routing, tagging, absence,"),
        ("    routing.RULES,\n", "    routing.RULES,\n    tagging.RULES,\n"),
    ],
}
"""File -> what is put in the place of what."""

FILE = """
[tagging.all]
position = 20
tag = "seen"
after = "4h"
[tagging.vip]
title = "Very important"
position = 10
when.all = [{ field = "channel", is = "phone" }]
tag = "vip"
"""
Shell = Callable[..., Said]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The command line of a copy of the package that knows the kind."""
    copy = tmp_path / "copy" / "ticketlog"
    source = Path(ticketlog.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, edits in EDITS.items():
        text = (copy / name).read_text(encoding="utf-8")
        for old, new in edits:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        (copy / name).write_text(text, encoding="utf-8")
    (copy / "policies" / "tagging.py").write_text(POLICY, encoding="utf-8")
    given = {"TICKETLOG_DESK": str(tmp_path / "desk"), "TICKETLOG_ACTOR": "agent:ada"}
    environment = {**os.environ, **given, "PYTHONPATH": str(copy.parent)}

    def shell(*line: str, code: int = 0) -> Said:
        run = "import sys; from ticketlog.cli import main; sys.exit(main())"
        told = subprocess.run(
            [sys.executable, "-c", run, *line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == code, told
        return Said(told.returncode, told.stdout, told.stderr)

    return shell


def test_the_recipe_names_all_files() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    recipe = page.split("A kind of rule that people write in their settings file")[1]
    steps = re.findall(r"^\d\. `([\w/]+\.py)`", recipe.split("\n### ")[0], re.MULTILINE)
    assert set(steps) == {*EDITS, "policies/NAME.py"}
    counted = re.search(r"\| source files for a kind of rule \| \d+ \| (\d+) \|", page)
    assert counted is not None
    assert int(counted[1]) == len(steps)


def test_a_kind_of_rule_is_added_as_the_recipe_says(shell: Shell, tmp_path: Path) -> None:
    def apply(text: str, **expected: int) -> Said:
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        return shell("settings", "apply", "settings.toml", **expected)

    shell("init", "desk")
    wrong = apply(FILE.replace('"4h"', "4"), code=2).err
    assert "[tagging.all] after should be a duration: '28d'" in wrong
    assert "known are title, position, when, tag, after" in apply(FILE + "tags = 1", code=2).err
    nothing = apply(FILE.replace('"seen"', '"tag"'), code=1).err
    assert "[tagging.all] a tag that is called tag says nothing" in nothing
    assert "tagging-rule/vip" in apply(FILE).out

    shown = json.loads(shell("settings", "show", "--json").out)["tagging"]
    assert shown["all"]["after_seconds"] == 14_400
    assert shown["vip"]["when"]["all"][0]["values"] == ["phone"]
    assert "tagging" in shell("settings", "show").out
    recorded = json.loads(shell("settings", "history", "--json").out)["events"]
    assert [e["type"] for e in recorded][-3:-1] == ["settings.tagging-rule-set.v1"] * 2

    made = shell("ticket", "create", "The VPN drops", "--json")
    ticket = json.loads(made.out)["stream"].removeprefix("ticket/")
    explained = json.loads(shell("settings", "explain", ticket, "--json").out)["tagging"]
    assert [each["rule"] for each in explained] == ["vip", "all"]
    assert [each["rule"] for each in explained if each["matches"]] == ["all"]
    assert "tagging rule" in shell("settings", "explain", ticket).out
    shell("policies", "run")
    assert json.loads(shell("ticket", "show", ticket, "--json").out)["tags"] == ["seen"]
    rows = json.loads(shell("report", "rules", "--by", "kind", "--by", "rule", "--json").out)[
        "rows"
    ]
    assert [(row["kind"], row["rule"], row["fired"]) for row in rows] == [("tagging", "all", 1)]

    assert "tagging-rule/all" in apply("[tagging]\n").out
    assert json.loads(shell("settings", "show", "--json").out)["tagging"] == {}
