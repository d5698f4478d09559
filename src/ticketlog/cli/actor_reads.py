"""Reads of the command line in the name of an actor: by default of the operator, who may read the
desk's files, which is a right like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk
    from ticketlog.domain.base import Actor, Recorded


class ActorReads:
    """A desk, or a desk at a moment, whose reads are made by one actor. It has all that the source
    has."""

    def __init__(self, source: Desk | Past, actor: Actor) -> None:
        self._source = source
        self._actor = actor

    def query(self, query: Any, **_: Any) -> Any:
        """As `Desk.query`."""
        return self._source.query(query, actor=self._actor)

    def report(self, name: str, **given: Any) -> dict[str, Any]:
        """As `Desk.report`."""
        return self._source.report(name, **{**given, "actor": self._actor})

    def viewer(self, _: Any = None) -> Any:
        """As `Desk.viewer`."""
        return self._source.viewer(self._actor)

    def load(self, stream: str, **_: Any) -> Any:
        """As `Desk.load`."""
        return self._source.load(stream, actor=self._actor)

    def history(self, ticket: str, **_: Any) -> list[Recorded]:
        """As `Desk.history`."""
        return self._source.history(ticket, actor=self._actor)

    def linked_by(self, ticket: str, **_: Any) -> list[dict[str, Any]]:
        """As `Desk.linked_by`."""
        return self._source.linked_by(ticket, actor=self._actor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def read_by(source: Desk | Past, actor: Actor) -> Desk | Past:
    """The source with reads by an actor."""
    return cast("Desk | Past", ActorReads(source, actor))
