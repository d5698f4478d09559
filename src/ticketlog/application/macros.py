"""Macros for an agent: those that they may apply, and what one would do, by a decision that isn't
recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Protocol

from ticketlog.documents.macros import MacroList, MacroPreview
from ticketlog.domain.base import Actor, Event, NotFound, kind_and_id
from ticketlog.domain.settings.conditions import judge
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import in_order
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.conversation import CommentEvent, Noted, Replied
from ticketlog.domain.ticket.macros import ApplyMacro, MacroApplied, macro_named

MOST_WORDS = 2_000
"""Words of a text up to which words are compared, and not lines: their comparison is quadratic."""


class MacroDesk(Protocol):
    """The part of a desk that is needed here."""

    @property
    def settings(self) -> Settings: ...

    def load(self, stream: str, *, actor: Actor | None = None) -> Any: ...

    @property
    def planned(self) -> Callable[..., Sequence[Event]]: ...


def offered(desk: MacroDesk, actor: Actor, stream: str | None = None) -> MacroList:
    """The macros in whose audience an actor is, in order; with a ticket, whether each fits it.
    Raises NotFound for a ticket that isn't there or that they don't see."""
    settings, facts = desk.settings, None
    if stream is not None:
        ticket = desk.load(stream, actor=actor)
        if not ticket.exists:
            raise NotFound(f"{stream} doesn't exist")
        facts = facts_of(ticket, settings)
    rows = []
    for macro in in_order(settings.macros.values()):
        if not macro.is_for(actor, settings):
            continue
        failed = judge(macro.when, facts).failed if facts is not None else ()
        rows.append(
            {
                "macro": cited("macro", macro.id, settings),
                "title": macro.title,
                "fits": None if facts is None else not failed,
                "why_not": str(failed[0].condition) if failed else None,
            }
        )
    return MacroList.filled(macros=rows)


def preview(
    desk: MacroDesk, macro: str, stream: str, *, actor: Actor, text: str | None = None
) -> MacroPreview:
    """The events that a macro would record on a ticket, sent by an actor now, and the text that it
    would say, marked. `text`: as they have edited it. Raises what applying it would."""
    settings = desk.settings
    found = macro_named(macro, settings)
    said = desk.planned(ApplyMacro(macro=macro), on=stream, actor=actor)
    events = said
    if text is not None:
        events = desk.planned(ApplyMacro(macro=macro, text=text), on=stream, actor=actor)
    kind = Replied if found.reply else Noted
    made, told = _body(said, kind), _body(events, kind)
    language = next((each.language for each in said if isinstance(each, MacroApplied)), None)
    beside = made
    if text is None and language is not None:
        beside = settings.templates[found.reply or found.note or ""].text[language]
    return MacroPreview.filled(
        macro=cited("macro", found.id, settings),
        ticket=kind_and_id(stream)[1],
        version=desk.load(stream, actor=actor).version,
        language=language,
        text=told,
        marked=[] if told is None else list(marked(beside or "", told)),
        events=[
            {"type": each.NAME, "data": each.model_dump(mode="json", exclude_defaults=True)}
            for each in events
        ],
    )


def _body(events: Sequence[Event], kind: type[CommentEvent]) -> str | None:
    return next((each.body for each in events if isinstance(each, kind)), None)


def marked(before: str, now: str) -> Iterator[dict[str, str]]:
    """The parts of a text beside another one: same, removed, added. Together the same and the added
    parts are the text."""
    was, becomes = _parts(before), _parts(now)
    if max(len(was), len(becomes)) > MOST_WORDS:
        was, becomes = before.splitlines(keepends=True), now.splitlines(keepends=True)
    if max(len(was), len(becomes)) > MOST_WORDS:
        was, becomes = [before], [now]
    matcher = SequenceMatcher(None, was, becomes, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            yield {"mark": "same", "text": "".join(becomes[first:last])}
            continue
        if end > start:
            yield {"mark": "removed", "text": "".join(was[start:end])}
        if last > first:
            yield {"mark": "added", "text": "".join(becomes[first:last])}


def _parts(text: str) -> list[str]:
    """The words of a text and what stands between them; a place of a template is one."""
    return re.findall(r"\{\{.*?\}\}|\{%.*?%\}|\s+|[^\s{]+|\{", text)
