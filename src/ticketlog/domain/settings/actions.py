"""Actions on a ticket: the one vocabulary in which macros and rules say what they do
(`domain/ticket/actions.py` does it)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from ticketlog.domain.base import Key, Long, Value

if TYPE_CHECKING:
    from ticketlog.domain.settings.model import Settings

ME = "@me"
"""The agent who applies a macro, where an action names an agent."""
_Scalar = (
    Annotated[str, StringConstraints(max_length=10_000), Long()]
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | bool
    | Annotated[tuple[Key, ...], Field(max_length=100)]
)


class LinkAction(Value):
    """A link to a ticket. Of kinds that never lead back to where they come from there is none here:
    which ticket stands at their end depends on the ticket."""

    kind: Literal["problem", "change"]
    target: Key


class Actions(Value):
    """Things that are done to a ticket, all in one commit or none.

    In their order: fields, owner, priority, category and product, tags, followers, link, note,
    reply, status. `reply` and `note` are templates; `status` with the `resolution_code` that
    solving may need. What is as it should be already is left as it is.
    """

    fields: Annotated[Mapping[Key, _Scalar], Field(max_length=500)] = Field(default_factory=dict)
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    category: Key | None = None
    product: Key | None = None
    add_tags: tuple[Key, ...] = ()
    remove_tags: tuple[Key, ...] = ()
    follow: tuple[Key, ...] = ()
    link: LinkAction | None = None
    note: Key | None = None
    reply: Key | None = None
    status: Key | None = None
    resolution_code: Key | None = None

    @property
    def acts(self) -> bool:
        """Whether there is anything to do."""
        return any(getattr(self, name) for name in NAMES if name != "resolution_code")

    def broken_actions(self, settings: Settings, *, by_rule: bool) -> Iterator[str]:
        """The problems of what is named, in a file's words. `by_rule`: nobody is `@me`."""
        for key, what, names, known in self._named(settings):
            for name in names:
                if name == ME and key in ("assignee", "follow"):
                    if by_rule:
                        yield f"{key}: a rule is no agent; name one instead of {ME!r}"
                elif known is not None:
                    yield from unknown(what, name, known)
        for name in self.fields:
            yield from unknown("field", name, settings.fields)
        for key in ("reply", "note"):
            yield from self._text(key, settings)
        if self.resolution_code is not None and self.status is None:
            yield "resolution_code: it goes with a `status`"

    def _named(
        self, settings: Settings
    ) -> Iterator[tuple[str, str, tuple[str, ...], Collection[str] | None]]:
        priorities = settings.priorities.names if settings.priorities else ()
        statuses = {s.id for flow in settings.workflows.values() for s in flow.statuses}
        for key, what, known in (
            ("team", "team", settings.teams),
            ("assignee", "agent", settings.agents),
            ("priority", "priority", priorities),
            ("category", "category", settings.categories or None),
            ("product", "product", settings.products or None),
            ("status", "status", statuses),
        ):
            name = getattr(self, key)
            yield key, what, () if name is None else (name,), known
        yield "follow", "agent", self.follow, settings.agents

    def _text(self, key: str, settings: Settings) -> Iterator[str]:
        id = getattr(self, key)
        if id is None:
            return
        template = settings.templates.get(id)
        if template is None:
            yield from unknown("template", id, settings.templates)
        elif template.html:
            yield f"{key}: template {id!r} is a page; comments are plain text"
        elif key == "reply" and template.internal:
            yield f"reply: template {id!r} is internal; a reply goes to the requester"


NAMES = tuple(Actions.model_fields)


def unknown(what: str, name: str, known: Collection[str]) -> Iterator[str]:
    """The problem of a name that isn't among those that are known."""
    if name not in known:
        yield f"{what} {name!r} is unknown; known are {', '.join(sorted(known)) or 'none'}"
