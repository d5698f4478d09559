"""A ticket's history as it would stand recorded if other settings had been in force all along.

What these settings would have promised, and what would have become of it, takes the place of what
was recorded of that. It is found by the functions that decide (`recording`), and by no second ones:
a history recomputed under the settings that it lived under says the same again. Everything else
that happened stays, also where it was done because of a breach that is none under these settings.

Imported rows, which promise nothing when they are recorded, are promised something here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count, groupby, islice

from ticketlog.domain.base import Actor, Context, Event, Recorded
from ticketlog.domain.recording import decided_meta, recorded_events
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.evolution import fold, initial
from ticketlog.domain.ticket.rectification import rectified_history
from ticketlog.domain.ticket.sla import recording
from ticketlog.domain.ticket.sla_events import EVOLVE, SlaApplied
from ticketlog.domain.ticket.state import Ticket

NOBODY = Actor("ticketlog", "service")
"""Who records what was due after the last commit."""
COMMIT = "recomputed"


def recomputed(
    id: str, history: Iterable[Recorded], settings: Settings, until: int | None = None
) -> list[Recorded]:
    """A ticket's history under other settings; `until`: with what was due by then, an instant,
    after the last commit."""
    ticket = initial(id)
    found: list[Recorded] = []
    history = rectified_history(id, history)
    for _, commit in groupby(history, key=lambda each: each.meta.commit):
        made = retold(list(commit), ticket, settings)
        ticket = fold(ticket, made)
        found += made
    if until is not None and found:
        found += outstanding(found[-1], ticket, settings, until)
    return found


def retold(commit: Sequence[Recorded], ticket: Ticket, settings: Settings) -> list[Recorded]:
    """A ticket's next commit under other settings; `ticket`: as it is before it, under these.

    Events are numbered anew (`originator_version`), since some go and some come. What was recorded
    keeps its id, which other events name; what is made here has a negative `index`, so that its id
    is none of the log's. Both keep the envelope of their commit.

    A commit of a timer disappears: what it recorded comes with the next commit, or at the end
    (`outstanding`). A reapply stays one, under these settings.
    """
    own = [each for each in commit if type(each.event) not in EVOLVE]
    reapply = any(_reapplied(each.event) for each in commit)
    if not own and not reapply:
        return []
    stream, _, _, meta, _ = commit[0]
    context = Context(
        settings=settings,
        now=meta.occurred_at,
        actor=meta.actor,
        stream=stream,
        channel=meta.channel,
        command_id=meta.commit,
    )
    events = [each.event for each in own]
    before, effect = recording.around(events, ticket, context, reapply)
    if not own and not effect:
        return []
    made = count(-1, -1)
    indexes = (
        *islice(made, len(before)),
        *(each.index for each in own),
        *islice(made, len(effect)),
    )
    together = [*before, *events, *effect]
    return recorded_events(stream, ticket.version + 1, together, meta, indexes)


def outstanding(last: Recorded, ticket: Ticket, settings: Settings, until: int) -> list[Recorded]:
    """The events that were due by an instant, if nothing happened after the `last` event any
    more."""
    now, stream = max(ticket.clock, until), last.originator_id
    context = Context(
        settings=settings, now=now, actor=NOBODY, stream=stream, channel=COMMIT, command_id=COMMIT
    )
    meta = decided_meta(context, last.meta.partition, last.meta.offset)
    found = recording.passed(ticket, now)
    return recorded_events(stream, ticket.version + 1, found, meta, count(-1, -1))


def _reapplied(event: Event) -> bool:
    return isinstance(event, SlaApplied) and event.because == "reapplied"
