"""`ticketlog settings explain`: the rules that match a ticket, and the reasons for which the rest
don't."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.model_commands import stream_of
from ticketlog.cli.options import as_json, asked_at, at_moment, reader
from ticketlog.cli.output import facts, print_json, show_all, table
from ticketlog.documents.explained import (
    EXPLAINED,
    Absence,
    Assignment,
    Escalation,
    Explained,
    Judged,
    Planned,
    RuleTried,
)
from ticketlog.domain.settings.automation_rules import RULE_KINDS, EscalationRule
from ticketlog.domain.settings.kind import RuleKind
from ticketlog.domain.settings.model import Settings


@click.command(
    cls=ShellCommand,
    prints=(EXPLAINED,),
    examples=(
        "ticketlog settings explain 4F7K2M9QABCD",
        "ticketlog settings explain 4F7K2M9QABCD --as-of 2026-01-31T09:00:00Z --json",
    ),
)
@click.argument("ticket")
@at_moment
@as_json
@pass_app
def explain(
    app: App, ticket: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
) -> None:
    """Show which SLA policy and which rules match a ticket, and why the others don't."""
    from ticketlog.application import explaining

    source = reader(app, as_of, occurred_as_of)
    at = asked_at(source, as_of, occurred_as_of)
    told = explaining.explain(source, stream_of("ticket", ticket), at)
    if as_json:
        print_json(told)
        return
    kinds = {kind.table: kind for kind in RULE_KINDS}
    _show_promise(told, source.settings)
    for name in type(told).model_fields:
        if name in kinds:
            layout = _LAYOUTS.get(name, _show_tried)
            layout(getattr(told, name), kinds[name], source.settings)


def _show_promise(told: Explained, settings: Settings) -> None:
    said = [("policy", _cited(told.policy, told.version))]
    if told.calendar is not None:
        said.append(("calendar", _cited(told.calendar.id, told.calendar.version)))
    for target in told.targets:
        basis = "business" if target.business else "calendar"
        said.append((target.metric, f"{target.seconds} seconds of {basis} time"))
    rows = [
        [settings.sla_policies[each.policy].position, each.policy, each.matches, _why_not(each)]
        for each in told.tried
    ]
    columns = ("position", "policy", "matches", "why not")
    show_all(facts(said), table(columns, rows, right=("position",), flexible=("why not",)))


def _cited(id: str | None, version: int | None) -> str:
    return "none" if id is None else f"{id}, version {version}"


def _show_tried(tried: Iterable[RuleTried], kind: RuleKind, settings: Settings) -> None:
    rules = kind.held(settings)
    _table(
        ("position", f"{kind.word} rule", "matches", "why not"),
        [[rules[each.rule].position, each.rule, each.matches, _why_not(each)] for each in tried],
        flexible=("why not",),
    )


def _show_lifecycle(planned: Iterable[Planned], kind: RuleKind, settings: Settings) -> None:
    rows = [[each.rule, each.action, each.at] for each in planned]
    _table(("lifecycle rule", "will", "at"), rows)


def _show_assignment(told: Assignment, kind: RuleKind, settings: Settings) -> None:
    _show_tried(told.tried, kind, settings)
    _table(
        ("agent", "has", "room for", "may have it", "why not"),
        [
            [
                *(each.agent, each.load, "any" if each.room is None else each.room),
                not each.why_not,
                "; ".join([*each.why_not, *(["gave it back"] if each.gave_back else [])]),
            ]
            for each in told.agents
        ],
        flexible=("why not",),
    )
    _table(
        ("chosen at", "agent", "rule", "why", "came of it", "of (with so many)"),
        [
            [
                *(each.at, each.agent, each.rule, each.why, each.came_of_it),
                ", ".join(f"{c.agent} {c.load}" for c in each.candidates),
            ]
            for each in told.chosen
        ],
        flexible=("of (with so many)",),
    )


def _show_absence(told: Absence, kind: RuleKind, settings: Settings) -> None:
    columns = ("absence rule", "agent", "absent since", "leaves them at")
    row = [each or "" for each in (told.rule, told.agent, told.absent_since, told.at)]
    _table(columns, [row] if told.rule is not None else [])


def _show_escalation(told: Escalation, kind: RuleKind, settings: Settings) -> None:
    rules = settings.rules_of(EscalationRule)
    _table(
        ("escalation rule", "tier", "acts", "next at", "why not"),
        [
            [
                *(each.rule, each.tier, _acts(rules[each.rule]), each.at or ""),
                _why_not(each, each.why_not),
            ]
            for each in told.rules
        ],
        flexible=("why not",),
    )
    _table(
        ("escalated at", "from", "to", "by", "reason"),
        [[each.at, each.old, each.new, each.by, each.reason] for each in told.done],
        flexible=("reason",),
    )


def _acts(rule: EscalationRule) -> str:
    if rule.words:
        return f"when one says {', '.join(rule.words)}"
    if rule.on:
        return f"when {' or '.join(rule.on)}: {', '.join(rule.metrics) or 'any target'}"
    return "when they hold" if rule.after is None else f"{rule.after} seconds old"


def _why_not(told: Judged, besides: str | None = None) -> str:
    """The reason that holds a rule back besides its conditions, then conditions that don't hold."""
    return "; ".join([*([besides] if besides else []), *map(str, told.failed)])


def _table(columns: Sequence[str], rows: list[list[Any]], flexible: Sequence[str] = ()) -> None:
    if rows:
        show_all("", table(columns, rows, right=("position", "tier", "has"), flexible=flexible))


_LAYOUTS: Mapping[str, Callable[[Any, RuleKind, Settings], None]] = {
    "lifecycle": _show_lifecycle,
    "assignment": _show_assignment,
    "absence": _show_absence,
    "escalation": _show_escalation,
}
"""Kinds of rules of which more is shown than which match and why not, by table."""
