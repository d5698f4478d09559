"""Macros on a ticket: prepared actions (`[macros.ID]`) that an agent applies in one commit, with
the text that was sent and how far it was edited before."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain import rights
from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Invalid,
    Key,
    Refused,
    Text,
    Unseen,
)
from ticketlog.domain.rights import STAFF, Right, listed
from ticketlog.domain.settings.conditions import judge
from ticketlog.domain.settings.macros import Macro
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.sight import check_writes
from ticketlog.domain.ticket import actions
from ticketlog.domain.ticket.actions import Doing, Said
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.lookups import require_known, settings_of
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket


class MacroApplied(Event):
    """A macro was applied; what it did stands behind it in the commit."""

    NAME: ClassVar[str] = "ticket.macro-applied.v1"
    ASPECT: ClassVar[str] = "macro"
    macro: Key
    """With its version: 'vpn-reset@3'."""
    language: Key | None = None
    """That of its text; None: it says nothing."""
    edited: Annotated[int, Field(ge=0, le=100)] | None = None
    """The per cent of the words of the text that were changed before it was sent; None: it says
    nothing."""


class ApplyMacro(Command):
    """Does what a macro says. `text`: what is said in the place of its text."""

    NAME: ClassVar[str] = "ticket.apply-macro"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({STAFF, "rule", "service"}))
    macro: Key
    """Its id; with the version that was previewed, 'vpn-reset@3', only that one is applied."""
    text: Text | None = None


EVOLVE: Evolutions = {MacroApplied: lambda ticket, recorded: {}}


def macro_named(name: str, settings: Settings) -> Macro:
    """The macro of an id, or of an id with its version. Raises Invalid for one that there isn't,
    Refused where another version is in force."""
    id, at, version = name.rpartition("@")
    if not at or name in settings.macros:
        id, version = name, ""
    require_known("macro", id, settings.macros)
    known = cited("macro", id, settings)
    if version and known != name:
        raise Refused(
            f"macro {id} is {known} now, not {name}; preview it again, then apply it", macro=known
        )
    return settings.macros[id]


def touched(command: ApplyMacro, settings: Settings) -> frozenset[str]:
    """The aspects of a ticket that a macro touches, and `said` where it replies."""
    macro = settings.macros.get(command.macro.rpartition("@")[0] or command.macro)
    if macro is None:
        return frozenset()
    return actions.touched(macro) | ({"said"} if macro.reply else frozenset())


def words_changed(before: str, now: str) -> int:
    """The per cent of the words of two texts that aren't in both, in whatever order: 0 where they
    have the same words, 100 where they share none."""
    was, is_now = Counter(before.split()), Counter(now.split())
    of = max(was.total(), is_now.total())
    return 0 if of == 0 else 100 - 100 * (was & is_now).total() // of


def _apply(command: ApplyMacro, ticket: Ticket, context: Context) -> list[Event]:
    settings = settings_of(context)
    macro = macro_named(command.macro, settings)
    _check_may(macro, ticket, context)
    says = "reply" if macro.reply else "note" if macro.note else None
    if command.text is not None and says is None:
        raise Invalid(f"macro {macro.id} says nothing; apply it without a text", macro=macro.id)
    told: dict[str, Any] = {}

    def say(action: str, said: Said) -> str:
        if action != says:
            return said.body
        text = said.body if command.text is None else command.text
        told.update(language=said.language, edited=words_changed(said.body, text))
        return text

    def check(part: Command) -> None:
        rights.check(Right(part.NAME, part.SPEC.who_may), ticket, context)

    by = cited("macro", macro.id, settings)
    made = actions.done(macro, Doing(by, macro=True, say=say, check=check), ticket, context)
    return [MacroApplied(macro=by, **told), *made] if made else []


def _check_may(macro: Macro, ticket: Ticket, context: Context) -> None:
    """Raises Forbidden outside its audience and for fields that the actor may not write, Refused
    where its conditions don't hold."""
    settings, actor = settings_of(context), context.actor
    if not macro.is_for(actor, settings):
        whose = f"agent {macro.agent}" if macro.agent else f"the teams {listed(macro.teams)}"
        if not (macro.agent or macro.teams):
            whose = "agents"
        raise Forbidden(f"macro {macro.id} is for {whose}, not for {actor.id}", macro=macro.id)
    verdict = judge(macro.when, facts_of(ticket, settings))
    if not verdict.matches:
        raise Refused(
            f"macro {macro.id} doesn't fit ticket {ticket.id}: {verdict.failed[0]}",
            macro=macro.id,
            ticket=ticket.id,
        )
    if settings.writing_is_limited:
        check_writes(actions.written(macro), actor, settings, context.stream)


DECIDE: Decisions = {ApplyMacro: _apply}
