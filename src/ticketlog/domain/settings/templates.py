"""Templates of replies and notes as settings (`[templates.ID]`), and the names that they may use.

A text is Liquid, by language. Names are few, and each has the class that access gives its field, so
that what a recipient may not see is refused when the settings are applied, not when it was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field, StringConstraints

from ticketlog.domain import roles
from ticketlog.domain.base import Key, Line, Long, Value
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.role import FieldClass

_Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), Long()]
SIGNATURE = "signature"
CUSTOM = "ticket.fields."
"""What stands before the id of a custom field."""
NAMES: Mapping[str, FieldClass] = {
    **dict.fromkeys(("ticket.id", "ticket.subject", "ticket.type", "ticket.status"), "public"),
    **dict.fromkeys(("ticket.priority", "ticket.category", "ticket.product"), "public"),
    **dict.fromkeys(("ticket.language", "ticket.channel", "ticket.created_at"), "public"),
    **dict.fromkeys(("ticket.solved_at", "ticket.resolution_code"), "public"),
    **dict.fromkeys(("ticket.team", "ticket.assignee", "ticket.tags", "ticket.due_at"), "internal"),
    **dict.fromkeys(("ticket.impact", "ticket.urgency"), "internal"),
    "ticket.reopens": "public",
    "requester.id": "public",
    "requester.name": "personal",
    "requester.language": "public",
    "agent.id": "public",
    "agent.name": "personal",
    SIGNATURE: "public",
}
"""Name -> the class of its field (`application/access_table.py`; a test holds both equal).
`requester`: who asks; `agent`: who sends the text; `signature`: the agent's, or that of the
ticket's team. Names of custom fields are made of CUSTOM and their ids."""


class Template(Value):
    """A text of replies and notes, in one or several languages.

    The text in the requester's language is taken, that without the part for a region, or the
    `default`. `internal`: only those who work on tickets read it. `html`: it is a page; whatever is
    put into it is escaped.
    """

    id: Key
    title: Line | None = None
    text: Annotated[Mapping[Key, _Text], Field(min_length=1, max_length=100)]
    default: Key | None = None
    """None: there is only one language."""
    internal: bool = False
    html: bool = False

    def language(self, wanted: str | None) -> str:
        """The language of the text for readers of a language."""
        for tag in (wanted or "", (wanted or "").partition("-")[0]):
            if tag in self.text:
                return tag
        return self.default or next(iter(self.text))


class TemplateSet(SettingChanged):
    """A template is there, says something else, or is gone."""

    NAME: ClassVar[str] = "settings.template-set.v1"
    old: Template | None = None
    new: Template | None = None


class Reader(NamedTuple):
    """The readers of a text: their roles, and which of these have to be able to read a name: `all`
    where the text goes to each of them, `any` where the roles are one person's."""

    roles: frozenset[str]
    each: Callable[[Iterator[bool]], bool]


RECIPIENTS = Reader(roles.END_USERS, all)


def reads(reader: Reader, name: str, settings: Settings) -> bool:
    """Whether a reader may see what a name stands for."""
    if name.startswith(CUSTOM):
        field = settings.fields.get(name.removeprefix(CUSTOM))
        return field is not None and reader.each(
            roles.reads_field((role,), field, settings)
            and field.id not in roles.role_of(role, settings).hides
            for role in reader.roles
        )
    hidden = {NAMES[name], name.rpartition(".")[2]}
    return reader.each(
        hidden.isdisjoint(roles.role_of(role, settings).hides) for role in reader.roles
    )


def broken_templates(settings: Settings) -> Iterator[str]:
    """The problems of templates and of what names one as a signature, in a file's words."""
    for template in settings.templates.values():
        for problem in _template(template, settings):
            yield f"[templates.{template.id}] {problem}"
    for table, things in (("teams", settings.teams), ("agents", settings.agents)):
        for thing in things.values():
            for problem in _signature(thing.signature, settings):
                yield f"[{table}.{thing.id}] signature: {problem}"


def _template(template: Template, settings: Settings) -> Iterator[str]:
    from ticketlog.domain.settings.template_engine import TemplateError, is_locale, parsed

    if template.default is None and len(template.text) > 1:
        yield f"default: say which of {', '.join(template.text)} is for all other languages"
    if template.default is not None and template.default not in template.text:
        yield f"default: there is no text.{template.default}"
    for language, text in template.text.items():
        if not is_locale(language):
            yield f"text.{language}: no language is called so; write it as 'de' or 'pt-BR'"
        try:
            names = parsed(text, html=template.html).names
        except TemplateError as error:
            yield f"text.{language}: {error}"
            continue
        for name in names:
            for problem in _name(name, template, settings):
                yield f"text.{language}: {name}: {problem}"


def _name(name: str, template: Template, settings: Settings) -> Iterator[str]:
    customs = [f"{CUSTOM}{id}" for id in settings.fields]
    if name not in NAMES and name not in customs:
        yield f"it stands for nothing; known are {', '.join(sorted([*NAMES, *customs]))}"
    elif not template.internal and not reads(RECIPIENTS, name, settings):
        yield (
            "the recipients may not see it; leave it out, or write `internal = true` for a text "
            "that only those who work on tickets read"
        )


def _signature(id: str | None, settings: Settings) -> Iterator[str]:
    if id is None:
        return
    template = settings.templates.get(id)
    if template is None:
        known = ", ".join(sorted(settings.templates)) or "none"
        yield f"template {id!r} is unknown; known are {known}"
        return
    if template.html or template.internal:
        yield f"template {id!r} is not a plain text that everybody may read"
    from ticketlog.domain.settings.template_engine import TemplateError, parsed

    for text in template.text.values():
        try:
            if SIGNATURE in parsed(text).names:
                yield f"template {id!r} holds a signature itself"
        except TemplateError:
            continue
