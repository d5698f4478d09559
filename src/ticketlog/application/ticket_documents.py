"""A ticket as it is or was, and the history of a stream, of a desk or of a desk at a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge

from ticketlog.application.conversation import TicketSource, joined
from ticketlog.documents.tickets import Ticket
from ticketlog.domain.base import Actor, NotFound, Recorded, kind_and_id
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.errors import TicketlogError


def ticket_document(
    source: TicketSource,
    stream: str,
    *,
    at: str | None,
    remark: Callable[[str], None],
    actor: Actor | None = None,
    own: bool = False,
) -> Ticket:
    """The ticket ('ticket/ID'), with what was said and done on those that are merged into it;
    `own`: on itself alone. Where the views can't be read, `linked_by` is None, and `remark`
    hears why: a ticket is shown whatever became of its views. `at`: the moment, in the words of
    the asker; `actor`: who asks. Raises NotFound."""
    whole = joined(source, stream, actor, own=own, at=at)
    try:
        linked_by = source.linked_by(whole.ticket.id, actor=actor)
    except TicketlogError as error:
        linked_by = None
        remark(f"ticketlog: what is linked to it isn't known: {error}")
    return source.viewer(actor).document(whole.document(linked_by))


def history_of(
    source: TicketSource,
    stream: str,
    *,
    further: Sequence[str] = (),
    at: str | None,
    actor: Actor | None = None,
    own: bool = False,
) -> list[Recorded]:
    """The events of a stream, and of `further` streams, by the time of recording; of a ticket also
    those of the tickets that are merged into it, unless `own`. `actor`: who asks. Raises NotFound
    for a stream that doesn't exist."""
    events = source.history(stream, actor=actor)
    if not events:
        raise NotFound(f"{stream} doesn't exist" + (" at that moment" if at else ""))
    if not own and kind_and_id(stream)[0] == TICKET:
        further = (*further, *_merged(source, stream, actor))
    if not further:
        return events
    histories = [events, *(source.history(each, actor=actor) for each in further)]
    return list(merge(*histories, key=lambda each: each.meta.recorded_at))


def _merged(source: TicketSource, stream: str, actor: Actor | None) -> list[str]:
    """The tickets that are merged into a ticket and that the actor sees."""
    viewer = source.viewer(actor)
    _, *merged = joined(source, stream, actor, own=False).streams
    return [each for each in merged if viewer.sees(each)]
