"""Every kind of rule does something, and what it does is counted."""

from __future__ import annotations

from ticketlog.domain.aggregates import RIGHTS
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.policies import RULES


def test_each_kind_of_rule_has_its_policy() -> None:
    assert sorted(each.rule.__name__ for each in RULES) == sorted(
        kind.value.__name__ for kind in RULE_KINDS
    )


def test_a_refusal_of_what_only_rules_send_counts_as_some_kinds() -> None:
    sent = {name for name, right in RIGHTS.items() if right.roles == {"rule"}}
    of_tickets = {name for name in sent if name.startswith("ticket.")}
    assert of_tickets
    assert of_tickets <= {name for each in RULES for name in each.commands}


def test_a_command_counts_for_one_kind() -> None:
    names = [name for each in RULES for name in each.commands]
    assert len(names) == len(set(names))
