"""The conversation of a ticket: what was said on it, on the tickets that were merged into it while
they are, and what it was split off with; read where it stands, each with its origin.

Nothing is moved when tickets are joined or parted, so a conversation is a function of their states:

- A comment belongs to the ticket that it was sent to: the one that it stands on, or, where that one
  had been merged and its survivor took the comment, the merged one (`received_on`).
- A comment that was split off is read in the new ticket. In the old one a line says where it went.
- A ticket's conversation holds what belongs to it and to the tickets that are merged into it now.
  What stands on it and belongs to a ticket that has been taken apart from it is a line that says
  where it went.

An end user reads what belongs to tickets that they take part in, public words alone; and what those
who work on tickets said publicly on a survivor after the merge. Never another requester's words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ticketlog.documents.tickets import Attachment, Comment, Conversation
from ticketlog.documents.tickets import Ticket as TicketDocument
from ticketlog.domain.base import Actor, NotFound, Recorded
from ticketlog.domain.rights import same_person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.absorbed import of
from ticketlog.domain.ticket.conversation import AttachmentAdded, Described
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.splitting import into_of
from ticketlog.domain.ticket.state import AttachmentRef, CommentRef, Pages, Ticket
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.access import Viewer
    from ticketlog.application.queries import Answer
    from ticketlog.projections.engine.query import Query

_READ, _FILES = "query:ticket", "query:attachment"
_STAFF = ("agent", "service", "rule", "import")
PAGE = 30
"""Comments of a page, where nobody says how many."""
MOST = 1_000
"""Comments of a page at most."""


class TicketSource(Protocol):
    """A desk, or a desk at a moment (`as_of.Past`)."""

    @property
    def settings(self) -> Settings: ...
    def viewer(self, actor: Actor | None) -> Viewer: ...
    def load(self, stream: str, *, actor: Actor | None = None) -> Any: ...
    def history(self, ticket: str, /, *, actor: Actor | None = None) -> list[Recorded]: ...
    def events_at(self, stream: str, versions: Collection[int], /) -> list[Recorded]: ...
    def linked_by(self, ticket: str, *, actor: Actor | None = None) -> list[dict[str, Any]]: ...
    def query(self, query: Query[Answer], /, *, actor: Actor | None = None) -> Answer: ...


class Entry(NamedTuple):
    """A comment in a conversation, or the line that is left of it. `stream`: the ticket that it
    stands on; `home`: the id of the one that it belongs to. `gone`: there is a line only; `now_in`:
    the id of the ticket where it is read, as far as the reader sees that one."""

    ref: CommentRef
    stream: str
    home: str
    gone: bool = False
    now_in: str | None = None


def _stream(id: str) -> str:
    return f"ticket/{id}"


def _id(stream: str) -> str:
    return stream.removeprefix("ticket/")


class _Part(NamedTuple):
    """Comments that stand on one ticket, in its order, and what a conversation makes of each: None
    where it is nothing to the reader."""

    pages: Pages[CommentRef]
    made: Callable[[CommentRef], Entry | None]

    def find(self, id: str) -> CommentRef | None:
        return next((ref for page in self.pages for ref in page if ref.id == id), None)

    def entries(self, start: int | None) -> Iterator[Entry]:
        """The entries from an instant on."""
        for page in self.pages:
            if start is not None and (not page or page[-1].at < start):
                continue
            for ref in page:
                if start is None or ref.at >= start:
                    entry = self.made(ref)
                    if entry is not None:
                        yield entry


def _by_clock(entry: Entry) -> tuple[int, str, int]:
    return entry.ref.at, entry.stream, entry.ref.version


class JoinedTicket:
    """A ticket with those that are merged into it, as an actor reads them."""

    def __init__(
        self, source: TicketSource, ticket: Ticket, actor: Actor | None, *, own: bool = False
    ) -> None:
        """`ticket`: as the actor reads it. `own`: nothing but what stands on it."""
        self._source = source
        self._actor = actor
        self._own = own
        self._viewer = source.viewer(actor)
        self._states = {_stream(ticket.id): ticket} if actor is None else {}
        self._seen: dict[str, bool] = {_stream(ticket.id): True}
        self.ticket = ticket
        absorbed = self.state(_stream(ticket.id)).absorbed
        merged = [id for each in absorbed for id in (each.source, *each.along)]
        self.ids = frozenset((ticket.id, *(() if own else merged)))
        """The ticket, and all that are merged into it."""
        self.streams = [_stream(ticket.id)]
        """Of these, those that the actor reads."""
        for each in map(_stream, () if own else merged):
            if self._reads_part(each):
                if self._sees(each):
                    source.load(each, actor=actor)  # That they read what is restricted is recorded.
                self.streams.append(each)

    def state(self, stream: str) -> Ticket:
        """A ticket's state at the moment, with what the actor doesn't read."""
        if stream not in self._states:
            self._states[stream] = self._source.load(stream)
        return self._states[stream]

    def _sees(self, stream: str) -> bool:
        if stream not in self._seen:
            self._seen[stream] = self._viewer.sees(stream, _READ)
        return self._seen[stream]

    @property
    def seconds_spent(self) -> int:
        """The work on all of them."""
        return sum(self.state(each).seconds_spent for each in self.streams)

    def entries(self, after: str | None = None) -> Iterator[Entry]:
        """Everything that is said in it, in the order of clock and position; `after`: behind a
        comment. What isn't asked for isn't looked at. Raises Usage for a comment that isn't among
        them."""
        start = self._start(after)
        parts = [part.entries(start) for part in self._parts]
        found = after is None
        for _, alike in groupby(merge(*parts, key=_by_clock), key=lambda each: each.ref.at):
            for each in self._in_order(list(alike)):
                if found:
                    yield each
                found = found or each.ref.id == after
        if not found:
            raise self._no_comment(after)

    def _start(self, after: str | None) -> int | None:
        """When a comment was said. Raises Usage."""
        if after is None:
            return None
        for part in self._parts:
            if (ref := part.find(after)) is not None:
                return ref.at
        raise self._no_comment(after)

    def _no_comment(self, id: str | None) -> Usage:
        return Usage(
            f"{id!r} is no comment in the conversation of ticket {self.ticket.id}; "
            "`after` is the `next` of a page, as it came"
        )

    @cached_property
    def _parts(self) -> list[_Part]:
        parts = [part for stream in self.streams for part in self._of(stream)]
        if not self._own:
            parts += [*self._split_off(), *self._received_elsewhere(), *self._answers()]
        return parts

    def _of(self, stream: str) -> Iterator[_Part]:
        """The comments that stand on one of the tickets."""
        state, made = self.state(stream), partial(self._standing, stream=stream)
        if state.description is not None:
            yield _Part(((state.description,),), made)
        yield _Part(state.comment_pages, made)

    def _standing(self, ref: CommentRef, stream: str) -> Entry | None:
        """A comment that stands on one of the tickets, or the line that is left of it."""
        state = self.state(stream)
        home, into = ref.received_on or state.id, into_of(state, ref.id)
        return self._entry(ref, stream, home, into) if self._may_read(ref, home) else None

    def _entry(self, ref: CommentRef, stream: str, home: str, into: str | None) -> Entry:
        """A comment, or the line that is left of it. `into`: the ticket that it was split off
        into."""
        there = into or _stream(home)
        if _id(there) in self.ids:
            return Entry(ref, stream, home)
        return Entry(ref, stream, home, True, _id(there) if self._sees(there) else None)

    def _reads_part(self, stream: str) -> bool:
        """Whether the actor reads what belongs to a ticket in the conversation of another one. An
        end user has to take part in it. Who works on tickets reads all that the one which they see
        holds, but what is in restricted teams without them."""
        if self._sees(stream):
            return True
        viewer = self._viewer
        return not viewer.end_user and self.state(stream).team not in viewer.sight(_READ).closed

    def _may_read(self, ref: CommentRef, home: str) -> bool:
        return (ref.public or not self._viewer.end_user) and self._reads_part(_stream(home))

    def _split_off(self) -> Iterator[_Part]:
        """The comments that the tickets were split off with."""
        for stream in self.streams:
            split = self.state(stream).split_from
            if split is None or _id(split.ticket) in self.ids:
                continue
            origin, wanted = self.state(split.ticket), frozenset(split.comments)
            refs = tuple(ref for ref in origin.comments if ref.id in wanted)
            yield _Part((refs,), partial(self._split_from, stream=split.ticket))

    def _split_from(self, ref: CommentRef, stream: str) -> Entry | None:
        """A comment that was split off; to an end user who doesn't take part in the ticket that it
        stands on only if they wrote it."""
        viewer, home = self._viewer, ref.received_on or _id(stream)
        mine = viewer.actor is not None and viewer.end_user and ref.public
        if self._may_read(ref, home) or (mine and self._is_actor(ref.author)):
            return Entry(ref, stream, home)
        return None

    def _is_actor(self, author: str) -> bool:
        actor = self._viewer.actor
        return actor is not None and same_person(actor.id, author, self._source.load)

    def _received_elsewhere(self) -> Iterator[_Part]:
        """The comments that came in for the tickets while these were merged into another
        one."""
        for stream in self._survivors():
            said = self.state(stream).comments
            refs = tuple(ref for ref in said if ref.received_on in self.ids)
            yield _Part((refs,), partial(self._standing, stream=stream))

    def _survivors(self) -> list[str]:
        """The tickets that these have ever been merged into, and those again; without these."""
        found = list(self.streams)
        for stream in found:
            into = map(_stream, self.state(stream).survivors)
            found.extend(each for each in into if each not in found)
        return found[len(self.streams) :]

    def _answers(self) -> Iterator[_Part]:
        """For end users: what those who work on tickets said publicly on a survivor after the
        merge."""
        at = self.state(_stream(self.ticket.id))
        while self._viewer.end_user and at.merged_into is not None:
            stream = _stream(at.merged_into)
            at = self.state(stream)
            part = of(at.absorbed, self.ticket.id)
            if part is not None:
                refs = tuple(ref for ref in at.comments if ref.version > part.since)
                yield _Part((refs,), partial(self._answer, stream=stream))

    def _answer(self, ref: CommentRef, stream: str) -> Entry | None:
        is_for_all = ref.public and ref.received_on is None and ref.author_kind in _STAFF
        if is_for_all and into_of(self.state(stream), ref.id) is None:
            return Entry(ref, stream, _id(stream))
        return None

    def _in_order(self, alike: list[Entry]) -> Iterable[Entry]:
        """Entries of one instant, each once: on one ticket by its version, of several tickets by
        their places in the log."""
        found = {each.ref.id: each for each in alike}
        if len({each.stream for each in alike}) == 1:
            return found.values()
        places = {
            each.id: (each.meta.partition, each.meta.offset, each.index)
            for each in self._recorded(alike)
        }
        return sorted(found.values(), key=lambda each: places[each.ref.id])

    def _recorded(self, entries: Iterable[Entry]) -> Iterator[Recorded]:
        """The events of comments."""
        wanted: dict[str, list[int]] = {}
        for each in entries:
            wanted.setdefault(each.stream, []).append(each.ref.version)
        for stream, versions in wanted.items():
            yield from self._source.events_at(stream, versions)

    def comments(self, entries: Sequence[Entry]) -> list[Comment]:
        """The documents of entries, in their order."""
        whole = [each for each in entries if not each.gone]
        events = {each.id: self._viewer.shown(each, _READ) for each in self._recorded(whole)}
        return [_comment(each, events.get(each.ref.id)) for each in entries]

    def document(self, linked_by: Sequence[Mapping[str, str]] | None) -> TicketDocument:
        """The ticket as a document."""
        described = self.ticket.description and self.ticket.description.id
        entries = list(self.entries())
        told = self.comments(entries)
        description = next((each.body for each in told if each.id == described), None)
        return TicketDocument.joined(
            self.ticket,
            description=description,
            comments=[each for each in told if each.id != described],
            attachments=self.attachments(entries, loose=True),
            seconds_spent=self.seconds_spent,
            linked_by=linked_by,
        )

    def file(self, id: str) -> Recorded | None:
        """The event of an attachment; None: the actor may have none of that id here."""
        for stream, refs in self._files(list(self.entries()), loose=True):
            for ref in refs:
                if ref.id == id:
                    [recorded] = self._source.events_at(stream, [ref.version])
                    return self._viewer.shown(recorded, _FILES)
        return None

    def attachments(self, entries: Sequence[Entry], *, loose: bool = False) -> list[Attachment]:
        """The files that came with comments; `loose`: and those that came with none."""
        found = []
        for stream, refs in self._files(entries, loose=loose):
            for each in self._source.events_at(stream, [ref.version for ref in refs]):
                shown = self._viewer.shown(each, _FILES)
                if shown is not None:
                    found.append(shown)
        found.sort(key=lambda each: (each.meta.occurred_at, each.meta.partition, each.meta.offset))
        return [
            Attachment.made(each, each.event)
            for each in found
            if isinstance(each.event, AttachmentAdded)
        ]

    def _files(
        self, entries: Sequence[Entry], *, loose: bool
    ) -> Iterator[tuple[str, list[AttachmentRef]]]:
        wanted = {each.ref.id for each in entries if not each.gone}
        streams = dict.fromkeys(each.stream for each in entries if not each.gone)
        for stream in dict.fromkeys((*self.streams, *streams)) if loose else streams:
            refs = [
                ref
                for ref in self.state(stream).attachments
                if ref.comment in wanted
                or (loose and stream in self.streams and self._is_loose(ref, stream))
            ]
            if refs:
                yield stream, refs

    def _is_loose(self, ref: AttachmentRef, stream: str) -> bool:
        """Whether a file that came with no comment belongs to these tickets."""
        home = ref.received_on or _id(stream)
        return ref.comment is None and home in self.ids and self._reads_part(_stream(home))

    def page(self, after: str | None, limit: int) -> Conversation:
        """So many comments behind one. Raises Usage for a comment that isn't among them."""
        chosen = list(islice(self.entries(after), limit + 1))
        is_last = len(chosen) <= limit
        chosen = chosen[:limit]
        return Conversation.filled(
            ticket=self.ticket.id,
            tickets=[_id(each) for each in self.streams],
            comments=self.comments(chosen),
            attachments=self.attachments(chosen),
            next=None if is_last else chosen[-1].ref.id,
        )


def _comment(entry: Entry, recorded: Recorded | None) -> Comment:
    body: str | None = None
    if recorded is not None:
        event = recorded.event
        field = "description" if isinstance(event, TicketCreated | Described) else "body"
        body = getattr(event, field, None)
    ref = entry.ref
    return Comment.filled(
        id=ref.id,
        at=ref.at if recorded is None else recorded.meta.occurred_at,
        author=ref.author,
        author_kind=ref.author_kind,
        public=ref.public,
        automated=ref.automated,
        body=body,
        origin=entry.home,
        now_in=entry.now_in,
        gone=entry.gone,
    )


def joined(
    source: TicketSource, stream: str, actor: Actor | None, *, own: bool, at: str | None = None
) -> JoinedTicket:
    """A ticket with those that are merged into it. Raises NotFound."""
    state = source.load(stream, actor=actor)
    if not state.exists:
        where = f" at {at}" if at else "; `ticketlog ticket list` shows those that do"
        raise NotFound(f"{stream} doesn't exist{where}")
    return JoinedTicket(source, state, actor, own=own)


def conversation(
    source: TicketSource,
    stream: str,
    *,
    own: bool = False,
    after: str | None = None,
    limit: int = PAGE,
    at: str | None = None,
    actor: Actor | None = None,
) -> Conversation:
    """A page of a ticket's conversation, the oldest first. `own`: only what stands on the ticket
    itself. `after`: the comment behind which it begins. `at`: the moment, in words.

    Raises NotFound, Forbidden, Usage.
    """
    if not 0 < limit <= MOST:
        raise Usage(f"limit: a page has 1 to {MOST:,} comments")
    return joined(source, stream, actor, own=own, at=at).page(after, limit)
