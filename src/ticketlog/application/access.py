"""Access: what one actor may do and see, decided in one place for every way into a desk."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketlog.documents.base import Document
from ticketlog.domain.base import Actor, Recorded
from ticketlog.domain.rights import Load, check_known
from ticketlog.domain.settings.model import Settings

if TYPE_CHECKING:
    from ticketlog.projections.engine.query import Query


class Viewer:
    """The rights and the sight of one actor, by the settings and the states of now."""

    def __init__(self, actor: Actor | None, settings: Settings, load: Load) -> None:
        """Raises Forbidden for an actor who isn't known."""
        self.actor = actor
        self._settings = settings
        self._load = load
        if actor is not None:
            check_known(actor, settings, load)

    @property
    def key(self) -> Hashable:
        """The same of all viewers who see exactly the same of everything."""
        return ()

    @property
    def unlimited(self) -> bool:
        """Whether nothing is hidden from the actor."""
        return True

    def may(self, right: str) -> bool:
        """Whether the actor has a right: the name of a command or of an act, 'query:NAME',
        'report:NAME'."""
        return True

    def check(self, right: str) -> None:
        """Raises Forbidden where the actor hasn't the right."""

    def sees(self, stream: str) -> bool:
        """Whether the actor may read a stream ('ticket/ID', 'person/ID', ...)."""
        return True

    def sees_state(self, state: Any) -> bool:
        """Whether the actor may read the stream of a state."""
        return True

    def event(self, recorded: Recorded) -> Recorded | None:
        """The event with what the actor may not read left out; None: it isn't for them."""
        return recorded

    def document(self, document: Document) -> Document:
        """The document without the fields that the actor may not read."""
        return document


class Access(NamedTuple):
    """The settings in force and the states of streams by which it is decided who may ask: those of
    now, whatever moment is asked about."""

    settings: Callable[[], Settings]
    load: Load

    def viewer(self, actor: Actor | None) -> Viewer:
        """The viewer of an actor. None: the operator, who may read the desk's files, or the desk
        itself. Raises Forbidden for an actor who isn't known."""
        return Viewer(actor, self.settings(), self.load)

    def check_may_ask(self, actor: Actor | None, query: Query[Any]) -> None:
        """Every known actor may ask everything. None: the operator, who may read the desk's files,
        or the desk itself. Raises Forbidden for an actor who isn't known."""
        self.viewer(actor)
