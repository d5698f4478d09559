"""`ticketlog settings explain`: which rules match a ticket, and why the others don't."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from ticketlog.cli.commands import settings_explain_work
from ticketlog.cli.commands.settings_explain_work import judged
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.model_commands import stream_of
from ticketlog.cli.options import as_json, asked_at, at_moment, reader
from ticketlog.cli.output import facts, print_json, show_all, table
from ticketlog.documents.explained import Explained
from ticketlog.domain.base import NotFound, iso
from ticketlog.domain.settings.automation_rules import RoutingRule
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import TriedRule, tried
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies import lifecycle, routing


@click.command(
    cls=ShellCommand,
    prints=(Explained,),
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
    stream = stream_of("ticket", ticket)
    source = reader(app, as_of, occurred_as_of)
    state, settings = source.load(stream), source.settings
    if not state.exists:
        raise NotFound(f"{stream} doesn't exist; `ticketlog ticket list` shows those that do")
    asked = tuple(tried(settings.sla_policies.values(), facts_of(state, settings)))
    now = max(state.clock, asked_at(source, as_of, occurred_as_of))
    work = settings_explain_work.WorkExplanation(source, stream, state, settings, now)
    told = Explained.filled(_document(state, settings, asked) | work.document())
    document = told.plain()
    if as_json:
        print_json(told)
    else:
        _show(document, asked)
        _show_rules(document, routing.tried(state, settings, created=True))
        work.show()


def _document(
    ticket: Ticket, settings: Settings, asked: tuple[TriedRule[SlaPolicy], ...]
) -> dict[str, Any]:
    found = asked[-1].rule if asked and asked[-1].verdict.matches else None
    return {
        "ticket": ticket.id,
        "position": settings.position,
        "policy": found and found.id,
        "version": found and settings.versions[f"sla-policy/{found.id}"],
        "calendar": found and _calendar(ticket, settings, found),
        "targets": _targets(ticket, found) if found else [],
        "tried": [
            {"policy": each.rule.id, **judged("sla-policy", each.rule, each.verdict, settings)}
            for each in asked
        ],
        "routing": [
            {"rule": each.rule.id, **judged("routing-rule", each.rule, each.verdict, settings)}
            for each in routing.tried(ticket, settings, created=True)
        ],
        "lifecycle": [
            {
                "rule": each.rule.id,
                "version": settings.versions[f"lifecycle-rule/{each.rule.id}"],
                "action": each.rule.action,
                "at": None if each.at is None else iso(each.at),
            }
            for each in lifecycle.planned(ticket, settings)
        ],
    }


def _calendar(ticket: Ticket, settings: Settings, policy: SlaPolicy) -> dict[str, Any] | None:
    found = settings.calendar_of(policy, organisation=ticket.organisation, team=ticket.team)
    if found is None:
        return None
    return {"id": found.id, "version": settings.versions[f"calendar/{found.id}"]}


def _targets(ticket: Ticket, policy: SlaPolicy) -> list[dict[str, Any]]:
    return [
        {"metric": each.metric, "seconds": each.seconds, "business": each.business}
        for each in policy.targets
        if each.priority == ticket.priority
    ]


def _show(document: dict[str, Any], asked: tuple[TriedRule[SlaPolicy], ...]) -> None:
    said = [("policy", _cited(document["policy"], document["version"]))]
    if calendar := document["calendar"]:
        said.append(("calendar", _cited(calendar["id"], calendar["version"])))
    for target in document["targets"]:
        basis = "business" if target["business"] else "calendar"
        said.append((target["metric"], f"{target['seconds']} seconds of {basis} time"))
    rows = [
        [policy.position, policy.id, verdict.matches, "; ".join(map(str, verdict.failed))]
        for policy, verdict in asked
    ]
    columns = ("position", "policy", "matches", "why not")
    show_all(facts(said), table(columns, rows, right=("position",), flexible=("why not",)))


def _show_rules(document: dict[str, Any], tried: Iterable[TriedRule[RoutingRule]]) -> None:
    rows = [
        [rule.position, rule.id, verdict.matches, "; ".join(map(str, verdict.failed))]
        for rule, verdict in tried
    ]
    if rows:
        columns = ("position", "routing rule", "matches", "why not")
        show_all("", table(columns, rows, right=("position",), flexible=("why not",)))
    planned = [[each["rule"], each["action"], each["at"]] for each in document["lifecycle"]]
    if planned:
        show_all("", table(("lifecycle rule", "will", "at"), planned))


def _cited(id: str | None, version: int | None) -> str:
    return "none" if id is None else f"{id}, version {version}"
