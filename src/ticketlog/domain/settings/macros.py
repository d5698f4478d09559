"""Macros as settings (`[macros.ID]`): prepared actions that an agent applies to a ticket at once.

Zendesk: macros. Other than there, what one does is one commit, refused whole, and shown before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ticketlog.domain.base import Actor, Key
from ticketlog.domain.settings.actions import Actions, unknown
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import Rule
from ticketlog.domain.settings.validate_conditions import broken_conditions


class Macro(Actions, Rule):
    """Actions that an agent applies to tickets that meet the conditions.

    For all agents, for those in one of `teams`, or for one `agent`.
    """

    teams: tuple[Key, ...] = ()
    agent: Key | None = None

    def is_for(self, actor: Actor, settings: Settings) -> bool:
        """Whether an actor is in its audience. Rules and services act for the whole desk."""
        if actor.kind != "agent":
            return actor.kind in ("rule", "service") and not (self.teams or self.agent)
        if self.agent is not None:
            return self.agent == actor.id
        agent = settings.agents.get(actor.id)
        return not self.teams or (agent is not None and not {*self.teams}.isdisjoint(agent.teams))


class MacroSet(SettingChanged):
    """A macro is there, does something else, or is gone."""

    NAME: ClassVar[str] = "settings.macro-set.v1"
    old: Macro | None = None
    new: Macro | None = None


def broken_macros(settings: Settings) -> Iterator[str]:
    """The problems of macros, in a file's words."""
    for macro in settings.macros.values():
        for problem in _macro(macro, settings):
            yield f"[macros.{macro.id}] {problem}"


def _macro(macro: Macro, settings: Settings) -> Iterator[str]:
    yield from broken_conditions(macro.when, settings)
    yield from macro.broken_actions(settings, by_rule=False)
    if not macro.acts:
        yield "it does nothing: give it a reply, a note, a status, a team, ..."
    if macro.agent is not None and macro.teams:
        yield "it is for `teams` or for one `agent`; leave one of them out"
    for team in macro.teams:
        yield from unknown("team", team, settings.teams)
    if macro.agent is not None:
        yield from unknown("agent", macro.agent, settings.agents)
