"""Public comments that came while an answer was being written: the refusal of the answer shows
them."""

from __future__ import annotations

from ticketlog.domain.base import Recorded, Stale, iso
from ticketlog.domain.ticket.conversation import CommentEvent
from ticketlog.log.history import history
from ticketlog.log.port import Log

ONE, ALL, LEAST = 500, 2_000, 80
"""Characters that a message shows of one comment, of all together, and of each at least."""


def with_words(refusal: Stale, stream: str, seen: int | None, log: Log) -> Stale:
    """The refusal with the comments that its sender hasn't seen: who said what, and when.

    `facts["said"]` lists them, each with the first 500 characters of its text.
    """
    ids = refusal.facts.get("comments", ())
    if not ids:
        return refusal
    said = [each for each in history(log, stream) if each.id in ids]
    room = min(ONE, max(ALL // len(said), LEAST)) if said else ONE
    told = "; ".join(_told(each, room) for each in said)
    aspects = refusal.facts["aspects"]
    besides = f"; {', '.join(aspects)} changed, too" if aspects else ""
    return Stale(
        f"{stream} is at version {refusal.facts['version']}, and after version "
        f"{seen} that you saw was said: {told}{besides}. Read it, then name the version "
        "that you see, or say that yours goes anyway",
        **{**refusal.facts, "said": [_fact(each) for each in said]},
    )


def _told(recorded: Recorded, room: int) -> str:
    event = recorded.event
    assert isinstance(event, CommentEvent)
    at = iso(recorded.meta.occurred_at)[:16].replace("T", " ")
    return f"{event.author} ({event.author_kind}) at {at}: \u201c{_cut(event.body, room)}\u201d"


def _fact(recorded: Recorded) -> dict[str, object]:
    event = recorded.event
    assert isinstance(event, CommentEvent)
    return {
        "id": recorded.id,
        "version": recorded.originator_version,
        "author": event.author,
        "author_kind": event.author_kind,
        "at": iso(recorded.meta.occurred_at),
        "text": event.body[:ONE],
    }


def _cut(text: str, room: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= room else text[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
