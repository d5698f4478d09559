"""A ticket as it is or was, and the history of a stream, of a desk or of a desk at a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge
from typing import TYPE_CHECKING, Any, Protocol

from ticketlog.documents.tickets import Ticket
from ticketlog.domain.base import Actor, NotFound, Recorded
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import TicketlogError

if TYPE_CHECKING:
    from ticketlog.application.access import Viewer
    from ticketlog.application.queries import Answer
    from ticketlog.projections.engine.query import Query


class TicketSource(Protocol):
    """A desk, or a desk at a moment (`as_of.Past`)."""

    @property
    def settings(self) -> Settings: ...
    def viewer(self, actor: Actor | None) -> Viewer: ...
    def load(self, stream: str, *, actor: Actor | None = None) -> Any: ...
    def history(self, ticket: str, /, *, actor: Actor | None = None) -> list[Recorded]: ...
    def linked_by(self, ticket: str, *, actor: Actor | None = None) -> list[dict[str, Any]]: ...
    def query(self, query: Query[Answer], /, *, actor: Actor | None = None) -> Answer: ...


def ticket_document(
    source: TicketSource,
    stream: str,
    *,
    at: str | None,
    remark: Callable[[str], None],
    actor: Actor | None = None,
) -> Ticket:
    """The ticket ('ticket/ID'). Where the views can't be read, `linked_by` is None, and `remark`
    hears why: a ticket is shown whatever became of its views. `at`: the moment, in the words of
    the asker; `actor`: who asks. Raises NotFound."""
    state = source.load(stream, actor=actor)
    if not state.exists:
        where = f" at {at}" if at else "; `ticketlog ticket list` shows those that do"
        raise NotFound(f"{stream} doesn't exist{where}")
    events = source.history(stream, actor=actor)
    try:
        linked_by = source.linked_by(state.id, actor=actor)
    except TicketlogError as error:
        linked_by = None
        remark(f"ticketlog: what is linked to it isn't known: {error}")
    return source.viewer(actor).document(Ticket.made(state, events, linked_by))


def history_of(
    source: TicketSource,
    stream: str,
    *,
    further: Sequence[str] = (),
    at: str | None,
    actor: Actor | None = None,
) -> list[Recorded]:
    """The events of a stream, and of `further` streams, by the time of recording. `actor`: who
    asks. Raises NotFound for a stream that doesn't exist."""
    events = source.history(stream, actor=actor)
    if not events:
        raise NotFound(f"{stream} doesn't exist" + (" at that moment" if at else ""))
    if not further:
        return events
    histories = [events, *(source.history(each, actor=actor) for each in further)]
    return list(merge(*histories, key=lambda each: each.meta.recorded_at))
