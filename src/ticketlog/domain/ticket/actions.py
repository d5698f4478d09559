"""Actions of macros and rules as they are done to a ticket, and the texts that they say.

Each action is the command that a person would send, decided on the ticket as the ones before it
have made it; so nothing can be done this way that couldn't be done one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from ticketlog.domain.base import (
    Command,
    Context,
    Event,
    Forbidden,
    Invalid,
    MissingFields,
    instant,
)
from ticketlog.domain.rights import survivor
from ticketlog.domain.settings.actions import ME, Actions
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.templates import (
    CUSTOM,
    NAMES,
    Reader,
    Template,
    reads,
)
from ticketlog.domain.sight import INSIDE, acting_roles
from ticketlog.domain.ticket import (
    assignment,
    classification,
    conversation,
    custom_fields,
    lifecycle,
    priority,
    relations,
)
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Classify, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.lifecycle import SetStatus, Solve
from ticketlog.domain.ticket.lookups import settings_of
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import Follow, LinkTo
from ticketlog.domain.ticket.state import Decisions, Ticket

_DECIDE: Decisions = {
    **assignment.DECIDE,
    **classification.DECIDE,
    **conversation.DECIDE,
    **custom_fields.DECIDE,
    **lifecycle.DECIDE,
    **priority.DECIDE,
    **relations.DECIDE,
}
ASPECTS: Mapping[str, tuple[str, ...]] = {
    "team": ("team", "assignee"),
    "assignee": ("team", "assignee"),
    "priority": ("priority",),
    "category": ("category",),
    "product": ("attributes",),
    "fields": ("fields",),
    "status": ("status",),
}
"""Action -> the aspects of a ticket that it touches."""
_TIMES = frozenset({"created_at", "solved_at", "due_at"})


def touched(actions: Actions) -> frozenset[str]:
    """The aspects of a ticket that actions touch."""
    return frozenset(
        aspect
        for action, aspects in ASPECTS.items()
        if getattr(actions, action)
        for aspect in aspects
    )


def written(actions: Actions) -> Iterator[str]:
    """The fields of a ticket that actions write, by their names; custom ones, too."""
    yield from actions.fields
    if actions.add_tags or actions.remove_tags:
        yield "tags"
    names = ("team", "assignee", "priority", "category", "product", "resolution_code")
    yield from (name for name in names if getattr(actions, name) is not None)


class Said(NamedTuple):
    """A text as it is said: the template's, with the version of that, and its language."""

    body: str
    template: str
    language: str


class Doing(NamedTuple):
    """The way in which actions are done.

    `by`: the rule or `macro`, with its version. `say`: the text that is said in the place of the
    one that a template makes. `check`: called with each command before it is decided; raises where
    the actor may not send it.
    """

    by: str
    macro: bool = False
    say: Callable[[str, Said], str] = lambda action, said: said.body
    check: Callable[[Command], None] = lambda command: None


def done(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> list[Event]:
    """The events of actions, in their order; none where the ticket is as they want it. Raises
    Refused where one of them can't be done: then none is."""
    made: list[Event] = []
    for part in _PARTS:
        now = after(ticket, made, context)
        for command in part(actions, doing, now, context):
            doing.check(command)
            made += _DECIDE[type(command)](command, after(ticket, made, context), context)
    return made


def _fields(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.fields:
        yield SetFields(fields=actions.fields)


def _owner(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.team is None and actions.assignee is None:
        return
    owner = {"team": actions.team, "assignee": _agent(actions.assignee, context)}
    if doing.macro:
        yield Assign.of_records(**owner)
    else:
        yield Assign.of_records(**owner, method="rule", rule=doing.by)


def _priority(
    actions: Actions, doing: Doing, ticket: Ticket, context: Context
) -> Iterator[Command]:
    if actions.priority not in (None, ticket.priority):
        word = "macro" if doing.macro else "rule"
        yield Prioritise.of_records(priority=actions.priority, reason=f"{word} {doing.by}")


def _class(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.category is not None or actions.product is not None:
        yield Classify.of_records(category=actions.category, product=actions.product)


def _tags(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.add_tags or actions.remove_tags:
        yield Tag.of_records(add=actions.add_tags, remove=actions.remove_tags)


def _follow(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    for each in actions.follow:
        yield Follow(agent=_agent(each, context))


def _link(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.link is not None:
        yield LinkTo(kind=actions.link.kind, target=actions.link.target)


def _note(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.note is not None:
        yield Note.of_records(**_said("note", actions.note, doing, ticket, context))


def _reply(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.reply is not None:
        yield Reply.of_records(
            **_said("reply", actions.reply, doing, ticket, context),
            status=actions.status,
            resolution_code=actions.resolution_code,
        )


def _status(actions: Actions, doing: Doing, ticket: Ticket, context: Context) -> Iterator[Command]:
    if actions.status in (None, ticket.status):
        return
    workflow = settings_of(context).workflow_of(ticket.type)
    status = workflow.status(actions.status or "")
    if status is not None and status.category == "solved":
        yield Solve.of_records(code=actions.resolution_code, status=actions.status)
    else:
        yield SetStatus.of_records(status=actions.status)


_PARTS = (_fields, _owner, _priority, _class, _tags, _follow, _link, _note, _reply, _status)


def _agent(name: str | None, context: Context) -> str | None:
    return context.actor.id if name == ME else name


def _said(
    action: str, template: str, doing: Doing, ticket: Ticket, context: Context
) -> dict[str, Any]:
    said = text_of(template, ticket, context)
    return {
        "body": doing.say(action, said),
        "automated": context.actor.kind == "rule" or not doing.macro,
        "macro": doing.by if doing.macro else None,
        "template": said.template,
    }


def text_of(id: str, ticket: Ticket, context: Context) -> Said:
    """The text of a template on a ticket, in its reader's language: of a reply the requester's, of
    an internal text the acting agent's. Raises Invalid for a template that there isn't,
    MissingFields for a name that has no value, and Forbidden for one whose value the actor doesn't
    read."""
    settings = settings_of(context)
    template = settings.templates.get(id)
    if template is None:
        raise Invalid(f"template {id!r} is not in the settings", what="template", name=id)
    language = template.language(_language(template, ticket, context))
    named = cited("template", id, settings)
    return Said(_rendered(template, language, named, ticket, context), named, language)


def _language(template: Template, ticket: Ticket, context: Context) -> str | None:
    if template.internal:
        agent = settings_of(context).agents.get(context.actor.id)
        spoken = agent.languages if agent and context.actor.kind == "agent" else ()
        return next((each for each in spoken if each in template.text), None)
    return getattr(_requester(ticket, context), "language", None) or ticket.language


def _requester(ticket: Ticket, context: Context) -> Any:
    if ticket.requester is None:
        return None
    id = survivor(ticket.requester, context.states.get)
    return context.states.get(f"person/{id}")


def _rendered(
    template: Template, language: str, named: str, ticket: Ticket, context: Context
) -> str:
    from ticketlog.domain.settings.template_engine import TemplateError, parsed, rendered

    text = template.text[language]
    wanted = _language(template, ticket, context) or language
    alike = wanted.partition("-")[0] == language.partition("-")[0]
    zone = ticket.zone or "UTC"
    try:
        names = parsed(text, html=template.html).names
        _check_reads(names, named, context)
        values = {name: _value(name, ticket, context) for name in names}
        told = {name: value for name, value in values.items() if value not in (None, "", [])}
        body = rendered(
            text, told, locale=wanted if alike else language, zone=zone, html=template.html
        )
    except TemplateError as error:
        if error.missing is not None:
            raise MissingFields(
                f"template {named} says {error.missing}, which ticket {ticket.id} hasn't; fill it "
                "in first, or change the template",
                ticket=ticket.id,
                fields=(error.missing,),
                template=named,
            ) from None
        raise Invalid(f"template {named} can't be used: {error}", template=named) from None
    if not body.strip():
        raise Invalid(
            f"template {named} says nothing on ticket {ticket.id}; an empty text isn't sent",
            template=named,
        )
    return body.strip("\n")


def _check_reads(names: tuple[str, ...], named: str, context: Context) -> None:
    """Raises Forbidden where a text tells what its sender doesn't read."""
    if context.actor.kind in INSIDE:
        return
    settings = settings_of(context)
    actor = Reader(acting_roles(context.actor, settings), any)
    for name in names:
        if (name in NAMES or name.startswith(CUSTOM)) and not reads(actor, name, settings):
            raise Forbidden(
                f"template {named} says {name}, which {context.actor.id} may not see",
                template=named,
            )


def _value(name: str, ticket: Ticket, context: Context) -> Any:
    """The value of a name; None, or empty: there is none."""
    from ticketlog.domain.settings.template_engine import moment

    settings = settings_of(context)
    if name.startswith(CUSTOM):
        return _custom(name.removeprefix(CUSTOM), ticket, settings)
    group, _, key = name.partition(".")
    match group:
        case "ticket":
            value = getattr(ticket, key)
            if key in _TIMES and value is not None:
                return moment(value)
            return list(value) if isinstance(value, tuple) else value
        case "requester":
            person = _requester(ticket, context)
            return ticket.requester if key == "id" else getattr(person, key, None)
        case "agent":
            agent = settings.agents.get(context.actor.id)
            if context.actor.kind != "agent":
                return None
            return context.actor.id if key == "id" else agent and agent.name
    return _signature(ticket, context)


def _custom(id: str, ticket: Ticket, settings: Settings) -> Any:
    from ticketlog.domain.settings.template_engine import moment

    value, field = ticket.fields.get(id), settings.fields.get(id)
    if isinstance(value, str) and field is not None:
        if field.kind == "datetime":
            return moment(instant(value))
        if field.kind == "date":
            return date.fromisoformat(value)
    return list(value) if isinstance(value, tuple) else value


def _signature(ticket: Ticket, context: Context) -> str | None:
    """The signature of the acting agent, or else of the ticket's team."""
    settings = settings_of(context)
    agent = settings.agents.get(context.actor.id) if context.actor.kind == "agent" else None
    team = settings.teams.get(ticket.team or "")
    own, shared = agent.signature if agent else None, team.signature if team else None
    id = own or shared
    if id is None or id not in settings.templates:
        return None
    return text_of(id, ticket, context).body
