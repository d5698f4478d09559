"""Presence of agents: in the settings, at work, and in the team that has a ticket."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.settings.model import Settings


def why_gone(agent: str, team: str | None, settings: Settings) -> str | None:
    """The reason why an agent doesn't work on a team's tickets any more; None: they do.

    None also for an agent who never was in the settings, as imported histories name them. `team`
    None: of any team.
    """
    known = settings.agents.get(agent)
    if known is None:
        return "removed from the settings" if agent in settings.left else None
    if known.retired:
        return "retired"
    return None if team is None or team in known.teams else f"not in team {team}"


def instead(team: str | None, settings: Settings) -> Iterable[str]:
    """The agents who are told in the place of one who is gone: the team's supervisors, or else all
    of the team."""
    members = [each.id for each in settings.agents.values() if each.active and team in each.teams]
    lead = [id for id in members if "supervisor" in settings.agents[id].roles]
    return lead or members
