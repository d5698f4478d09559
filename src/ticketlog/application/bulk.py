"""Bulks at work: planned, looked at before they run, run, and taken back (docs/TOGETHER.md).

A run goes through the list of tickets in slices. Of each slice the tickets get the command by a
commit each, made durable together; then it is recorded how far the run is. Killed between the two
it finds the commits of the slice again by their ids. Several runners do the same, and each ticket
gets it once.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol, cast

import orjson
from pydantic import ValidationError

from ticketlog.application.access import Access
from ticketlog.application.executor import (
    Executor,
    Outcome,
    Request,
    is_executed_alone,
    new_id,
    request,
)
from ticketlog.application.rerouting import conditions
from ticketlog.documents import bulks as documents
from ticketlog.domain import bulk as bulks
from ticketlog.domain import ticket as tickets
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import (
    Actor,
    Command,
    Event,
    NotFound,
    Recorded,
    Refused,
    kind_and_id,
    stream_key,
)
from ticketlog.domain.bulk import Bulk, Recipients, SkippedTicket
from ticketlog.domain.settings.automation_rules import NotificationRule
from ticketlog.domain.settings.conditions import Conditions, matches
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.automation import NotificationDecided, Notify
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.taking_back import INVERSE, Follows, TakeBack, staying
from ticketlog.errors import Conflict, Usage
from ticketlog.log.commit import Commit, Verdict, digest_of, recorded_of
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log, Placed, Record
from ticketlog.policies import notification
from ticketlog.policies.protocol import Situation
from ticketlog.policies.workload import Workload
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.query import Query

RIGHT = "query:bulks"
CHANGED, ABSENT = "changed", "not-found"
ATTEMPTS = 50
SAMPLES, SHOWN_REASONS, MOST_REASONS = 20, 50, 1_000
PAGE = 1_000
"""Rows of the view of tickets that are read at once."""
LONG = 64
"""Events; the states of longer streams are loaded with the help of snapshots."""
TOLD = 5_000
"""Recipients that are told in one commit."""
CHECK_S = 1.0
"""Seconds between two looks for bulks that were started."""
_VIEWED = frozenset({"status", "team", "assignee", "priority", "category", "type"})
"""Fields of a ticket that the view of tickets chooses by."""
_PREFIX = f"{tickets.KIND}/"


class BulkDesk(Protocol):
    """The part of a desk that bulks need."""

    @property
    def settings(self) -> Settings: ...
    def execute(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        reason: str | None = None,
    ) -> Outcome: ...
    def query(self, query: Query[Any], *, actor: Actor | None = None) -> Any: ...
    def cut(self) -> Cut: ...
    def now(self) -> int: ...
    def check_right(self, actor: Actor, command: type[Command] | str) -> None: ...


class Progress(NamedTuple):
    """The progress of a run. `seconds`: since this runner began."""

    reached: int
    tickets: int
    seconds: float


class _Read(NamedTuple):
    """A ticket as a bulk meets it: as it was at the cut, as it is, whether it was changed between
    the two, and the commit of the bulk itself, if it is there."""

    at_cut: Ticket
    now: Ticket
    changed: bool
    own: tuple[Recorded, ...]


class _Done(NamedTuple):
    """The outcome for a ticket: its commit; or why it was skipped; or neither, as it was as the
    bulk wants it already."""

    commit: Sequence[Recorded] = ()
    skipped: SkippedTicket | None = None
    after: Ticket | None = None


@dataclass(frozen=True)
class PlannedBulk:
    """The plan of a bulk, and the ids that were given and aren't those of tickets."""

    id: str
    unknown: tuple[str, ...] = ()


def command_of(name: str, values: Mapping[str, Any]) -> Command:
    """The command of a ticket of that name. Raises Usage where there is none, or where it doesn't
    take the values."""
    found = {each.NAME: each for each in tickets.COMMANDS if not each.SPEC.creates}
    model = found.get(name) or found.get(f"{tickets.KIND}.{name}")
    if model is None:
        raise Usage(
            f"{name!r} is no command for a ticket that is there: `ticketlog ticket --help` lists "
            "them"
        )
    try:
        return model.model_validate(values, strict=False)
    except (ValidationError, TypeError) as error:
        raise Usage(f"{name}: {error}") from error


class Bulks:
    """The bulks of a desk. Thread-safe; `actor` None is the operator, who reads everything."""

    def __init__(self, desk: BulkDesk, log: Log, executor: Executor, access: Access) -> None:
        self._desk = desk
        self._log = log
        self._executor = executor
        self._access = access
        self._load = executor.repository.load
        self._last_pass_at = 0.0

    def plan(
        self,
        command: Command,
        *,
        actor: Actor,
        where: Sequence[str] | None = None,
        ids: Iterable[str] | None = None,
        id: str | None = None,
        notices: bool = False,
        reason: str | None = None,
    ) -> PlannedBulk:
        """Plans a command for the tickets for which all of 'FIELD OPERATOR VALUE' hold, or for
        those that are named; of both kinds those that the actor sees. Sent again under the same id
        it is the same plan.

        Raises Usage, Forbidden, and what `Desk.execute` raises.
        """
        if (where is None) == (ids is None):
            raise Usage("say which tickets: by conditions, or by their ids")
        if type(command).SPEC.creates:
            raise Usage(f"{command.NAME} makes a ticket of its own, and is for none that is there")
        wanted = None if where is None else conditions(where, self._desk.settings)
        self._desk.check_right(actor, type(command))
        cut = self._desk.cut()
        values = orjson.dumps(command.model_dump(mode="json", exclude_defaults=True)).decode()
        planned = bulks.PlanBulk(
            cut=str(cut),
            command=command.NAME,
            values=values,
            conditions=None if where is None else tuple(where),
            notices=notices,
        )
        bulk, again = self._begun(planned, actor, id, reason)
        if again:
            return PlannedBulk(bulk)
        unknown: list[str] = []
        if wanted is not None:
            found = self._matching(wanted, actor, command)
        else:
            found = self._named(ids or (), actor, command, unknown)
        self._list(bulk, found)
        return PlannedBulk(bulk, tuple(unknown))

    def undo(
        self, bulk: str, *, actor: Actor, id: str | None = None, reason: str | None = None
    ) -> PlannedBulk:
        """Plans a bulk that takes back what a bulk has done, as far as nobody has changed it since.
        Raises NotFound, Refused, and what `plan` raises."""
        first = self._seen(bulk, actor)
        if first.state in ("listing", "planned"):
            raise Refused(f"bulk {first.id} was never started: there is nothing to take back")
        if first.state == "running":
            raise Refused(
                f"bulk {first.id} is running: pause it first by `ticketlog bulk pause {first.id}`, "
                "or wait until it is done"
            )
        self._desk.check_right(actor, TakeBack)
        cut = self._desk.cut()
        planned = bulks.PlanBulk(cut=str(cut), command=TakeBack.NAME, values="{}", undoes=first.id)
        made, again = self._begun(planned, actor, id, reason)
        if not again:
            done = (
                each
                for each in self._tickets(first, until=first.reached)
                if self._log.find(f"{_PREFIX}{each}", bulks.commit_id(first.id, each))
            )
            self._list(made, self._those_seen(done, actor, TakeBack.NAME))
        return PlannedBulk(made)

    def _begun(
        self, command: bulks.PlanBulk, actor: Actor, id: str | None, reason: str | None
    ) -> tuple[str, bool]:
        """The id of a bulk whose plan begins; True: it was planned before under the same id."""
        if id is not None:
            known: Bulk = self._load(bulks.stream_of(stream_key(id)))
            if known.exists:
                return self._planned_before(known, command, actor), True
        sent = self._desk.execute(command, actor=actor, id=id, reason=reason)
        return kind_and_id(sent.stream)[1], sent.repeated

    def _planned_before(self, known: Bulk, command: bulks.PlanBulk, actor: Actor) -> str:
        """The id of a bulk that was planned under the same id of a command. The cut is that of the
        first time. Raises Usage where it is another plan."""
        by, of = known.by, known.command
        same = by is not None and (by.kind, by.id) == (actor.kind, actor.id)
        said = (command.command, command.values, command.conditions, command.undoes)
        if not same or of is None or said != (*of, known.conditions, known.undoes):
            raise Usage("that id was used for another plan: plan it under a new id")
        if known.state == "listing":
            raise Usage(
                f"the plan of bulk {known.id} was interrupted before its tickets were listed: plan "
                "it again, under a new id"
            )
        return known.id

    def _list(self, bulk: str, found: Iterable[str]) -> None:
        """Lists the tickets of a plan, each once."""
        digest, count, chunk = hashlib.sha256(), 0, 0
        left = iter(dict.fromkeys(found))
        while page := tuple(islice(left, bulks.CHUNK)):
            self._keep(bulk, bulks.ListTickets(chunk=chunk, tickets=page))
            digest.update("".join(f"{each}\n" for each in page).encode())
            count, chunk = count + len(page), chunk + 1
        self._keep(bulk, bulks.EndListing(tickets=count, sha256=digest.hexdigest()))

    def _keep(self, bulk: str, command: Command) -> Outcome:
        """Sends a command by which the desk keeps the books of a bulk."""
        made = request(
            command,
            bulks.stream_of(bulk),
            id=new_id(),
            received_at=self._desk.now(),
            occurred_at=None,
            actor=bulks.SELF_ACTOR,
            channel=bulks.CHANNEL,
            fresh=True,
            internal=True,
        )
        return self._executor.execute(made)

    def _matching(self, wanted: Conditions, actor: Actor, command: Command) -> Iterator[str]:
        """The ids of the tickets that an actor sees and for which conditions hold, newest first."""
        settings = self._desk.settings
        exact = {
            each.field: each.values[0]
            for each in wanted.all
            if each.operator == "is" and each.field in _VIEWED and isinstance(each.values[0], str)
        }
        whole = len(exact) == len(wanted.all) and not wanted.any
        rows = self._those_seen(self._rows(exact, actor), actor, command.NAME)
        if whole:
            yield from rows
            return
        for each in rows:
            if matches(wanted, facts_of(self._read(each).now, settings)):
                yield each

    def _rows(self, chosen: Mapping[str, Any], actor: Actor) -> Iterator[str]:
        from ticketlog.projections.views.tickets import Tickets

        after: str | None = None
        while True:
            page = self._desk.query(Tickets(**chosen, limit=PAGE, after=after), actor=actor)
            yield from (row["ticket"] for row in page.rows)
            after = page.next
            if after is None:
                return

    def _named(
        self, ids: Iterable[str], actor: Actor, command: Command, unknown: list[str]
    ) -> Iterator[str]:
        for each in ids:
            id = each.strip().removeprefix(_PREFIX).upper()
            if not id:
                continue
            if next(self._those_seen((id,), actor, command.NAME), None) is None:
                unknown.append(each.strip())
            else:
                yield id

    def _those_seen(self, ids: Iterable[str], actor: Actor, right: str) -> Iterator[str]:
        """Those of the ids that are of tickets which an actor sees, as to the command and as to
        reading them."""
        viewer = self._access.viewer(actor)
        limited = viewer.sight(right).limited or viewer.sight().limited
        for id in ids:
            stream = f"{_PREFIX}{id}"
            if self._log.head(stream).version == 0:
                continue
            if not limited or (viewer.sees(stream, right) and viewer.sees(stream)):
                yield id

    def _tickets(self, bulk: Bulk, start: int = 0, until: int | None = None) -> Iterator[str]:
        """The ids of a bulk's tickets from the `start`-th to before the `until`-th, chunk by
        chunk."""
        end = bulk.tickets if until is None else until
        for chunk in range(start // bulks.CHUNK, bulk.chunks):
            first = chunk * bulks.CHUNK
            if first >= end:
                return
            stream = bulks.stream_of(bulk.id)
            record = self._log.stream(stream, chunk + 1, chunk + 2)[0]
            event = self._log.codec.decode(record.data, record.partition, record.offset)[0].event
            assert isinstance(event, bulks.TicketsListed)
            yield from event.tickets[max(start - first, 0) : max(end - first, 0)]

    def listed(self, actor: Actor | None, **given: Any) -> documents.BulkRows:
        """The bulks that an actor sees: all, or, where tickets are hidden from them, their own."""
        from ticketlog.projections.views.bulks import BulkList

        query = BulkList(**given)
        answer = query.document(self._desk.query(query, actor=actor))
        assert isinstance(answer, documents.BulkRows)
        return self._access.viewer(actor).document(answer)

    def show(
        self, bulk: str, actor: Actor | None, *, unknown: Sequence[str] | None = None
    ) -> documents.BulkStatus:
        """A bulk; before it is run with what it would do. Raises NotFound, Forbidden."""
        found = self._seen(bulk, actor)
        assert found.by is not None
        assert found.command is not None
        more: dict[str, Any] = {}
        if found.state == "planned":
            more["preview"] = self.preview(found, actor)
        if unknown is not None:
            more["unknown"] = list(unknown)
        made = documents.BulkStatus.filled(
            bulk=found.id,
            state=found.state,
            by=f"{found.by.kind}:{found.by.id}",
            planned_at=found.planned_at,
            command=found.command.name,
            tickets=found.tickets,
            reached=found.reached,
            undoes=found.undoes,
            cut=found.cut,
            values=orjson.loads(found.command.values),
            conditions=None if found.conditions is None else list(found.conditions),
            sha256=found.sha256,
            notices=found.notices,
            even_if_changed=found.even_if_changed,
            changed=found.sent,
            unchanged=found.unchanged,
            skipped=[{"why": why, "tickets": n} for why, n in found.skipped.items()],
            reason=found.reason,
            **more,
        )
        return self._access.viewer(actor).document(made)

    def _seen(self, bulk: str, actor: Actor | None) -> Bulk:
        """A bulk that an actor sees; ids may be in small letters. Raises NotFound, Forbidden."""
        id = bulk.removeprefix(f"{bulks.KIND}/").upper()
        stream = bulks.stream_of(id)
        viewer = self._access.check(actor, RIGHT, stream)
        found: Bulk = self._load(stream)
        if not found.exists or not viewer.sees(stream):
            raise NotFound(f"bulk {id} doesn't exist; `ticketlog bulk list` shows those there are")
        return found

    def preview(self, bulk: Bulk, actor: Actor | None) -> documents.BulkPreview:
        """The preview of a bulk: what it would do to its tickets as they were at its cut, sent by
        its planner; of the tickets that both they and the actor see."""
        outcomes: Counter[str] = Counter()
        reasons: Counter[tuple[str, str | None]] = Counter()
        stays: Counter[tuple[str, str]] = Counter()
        samples: list[dict[str, Any]] = []
        for id, read, tried in self._tried(bulk, actor):
            if read.changed:
                outcomes[CHANGED] += 1
                continue
            if isinstance(tried, Refused):
                reasons[_reason(tried, id, reasons)] += 1
                continue
            outcomes["would-change" if tried else "unchanged"] += 1
            stays.update(set(self._staying(bulk, id, tried)))
            if tried and len(samples) < SAMPLES:
                samples.append({"ticket": id, "events": _names(tried)})
        return documents.BulkPreview.filled(
            changed=outcomes["would-change"],
            unchanged=outcomes["unchanged"],
            refused=[
                {"why": why, "said": said, "tickets": n}
                for (why, said), n in reasons.most_common(SHOWN_REASONS)
            ],
            overtaken=outcomes[CHANGED],
            irreversible=[
                {"event": event, "why": why, "tickets": n}
                for (event, why), n in stays.most_common()
            ],
            samples=samples,
        )

    def rows(self, bulk: str, actor: Actor | None) -> Iterator[documents.BulkTicket]:
        """A row for each ticket: what the bulk would do to it, or what became of it. Raises
        NotFound, Forbidden."""
        found, viewer = self._seen(bulk, actor), self._access.viewer(actor)
        made = self._planned_rows(found, actor) if found.state == "planned" else self._kept(found)
        limited = viewer.sight().limited
        for row in made:
            if not limited or viewer.sees(f"{_PREFIX}{row.ticket}"):
                yield viewer.document(row)

    def _planned_rows(self, bulk: Bulk, actor: Actor | None) -> Iterator[documents.BulkTicket]:
        for id, read, tried in self._tried(bulk, actor):
            if read.changed:
                yield documents.bulk_ticket(id, "changed-since")
            elif isinstance(tried, Refused):
                yield documents.bulk_ticket(id, "refused", why=tried.code, said=str(tried))
            else:
                stays = " ".join(dict.fromkeys(name for name, _ in self._staying(bulk, id, tried)))
                yield documents.bulk_ticket(
                    id,
                    "would-change" if tried else "unchanged",
                    events=" ".join(_names(tried)) or None,
                    irreversible=stays or None,
                )

    def _kept(self, bulk: Bulk) -> Iterator[documents.BulkTicket]:
        """The rows of what became of each ticket, by what was recorded of the run."""
        ids = self._tickets(bulk)
        for record in self._log.stream(bulks.stream_of(bulk.id), bulk.chunks + 1):
            decoded = self._log.codec.decode(record.data, record.partition, record.offset)
            for each in (e.event for e in decoded if isinstance(e.event, bulks.BulkProgressed)):
                skipped = {one.ticket: one for one in each.skipped}
                number = each.changed + each.unchanged + len(skipped)
                for id in islice(ids, number):
                    one = skipped.get(id)
                    if one is not None:
                        yield documents.bulk_ticket(id, "skipped", why=one.why, said=one.said)
                        continue
                    sent = self._log.find(f"{_PREFIX}{id}", bulks.commit_id(bulk.id, id))
                    yield documents.bulk_ticket(id, "changed" if sent else "unchanged")
        for id in ids:
            yield documents.bulk_ticket(id, "waiting")

    def _tried(
        self, bulk: Bulk, actor: Actor | None
    ) -> Iterator[tuple[str, _Read, list[Event] | Refused]]:
        """Each ticket with what the bulk would record of it, or the refusal; nothing is recorded.
        Tickets that who planned it, or who asks, doesn't see are as ones that aren't there."""
        assert bulk.by is not None
        sending = _Sending(self, bulk, bulk.by)
        viewer = self._access.viewer(actor)
        limited = viewer.sight().limited
        for id in self._tickets(bulk):
            if limited and not viewer.sees(f"{_PREFIX}{id}"):
                continue
            made = sending.request(id)
            if sending.hides(made):
                continue
            read = self._read(id, bulk)
            try:
                commit = self._executor.decided(made, read.at_cut, sending.settings)
            except Refused as refusal:
                yield id, read, refusal
            else:
                yield id, read, _events(commit)

    def _staying(self, bulk: Bulk, id: str, events: Sequence[Event]) -> Iterator[tuple[str, str]]:
        """The events that can't be taken back: of what would be done; of a bulk that takes another
        one back, what that one has done and stays."""
        if bulk.undoes is None:
            yield from staying(events)
            return
        stream, commit = f"{_PREFIX}{id}", bulks.commit_id(bulk.undoes, id)
        placed = self._log.find(stream, commit)
        if placed is None:
            return
        record = self._log.records(placed.partition, placed.offset, 1)[0]
        decoded = self._log.codec.decode(record.data, record.partition, record.offset)
        yield from staying(each.event for each in decoded)

    def _read(self, id: str, bulk: Bulk | None = None) -> _Read:
        """A ticket as it is, and, of a bulk, as it was at the cut."""
        stream = f"{_PREFIX}{id}"
        known: Ticket | None = self._executor.repository.in_memory(stream)
        if known is None and self._log.head(stream).version > LONG:
            known = self._load(stream)
        if known is not None:
            last = self._log.stream(stream, max(known.version, 0))
            if bulk is None or not last or _is_untouched(bulk, id, last[0]):
                return _Read(known, known, False, ())
        events = [
            each
            for record in self._log.stream(stream)
            for each in self._log.codec.decode(record.data, record.partition, record.offset)
        ]
        absent = tickets.initial(id)
        if bulk is None:
            now = tickets.fold(absent, events)
            return _Read(now, now, False, ())
        own_id, ends = bulks.commit_id(bulk.id, id), _ends(bulk)
        at = sum(1 for each in events if each.meta.offset < ends[each.meta.partition])
        at_cut = tickets.fold(absent, events[:at])
        now = tickets.fold(at_cut, events[at:]) if events[at:] else at_cut
        edge = self._edge(bulk, stream)
        late = [each for each in events if each.meta.offset >= edge]
        own = tuple(each for each in late if each.meta.commit == own_id)
        changed = any(_counts(each.event) for each in late if each.meta.commit != own_id)
        return _Read(at_cut, now, changed, own)

    def _edge(self, bulk: Bulk, stream: str) -> int:
        """The offset from which on a change of a ticket came since: the cut; of a bulk that
        takes another one back, behind the commit of that."""
        if bulk.undoes is None:
            return _ends(bulk)[partition_of(stream, self._log.partitions)]
        id = kind_and_id(stream)[1]
        placed = self._log.find(stream, bulks.commit_id(bulk.undoes, id))
        return 0 if placed is None else placed.offset + 1

    def run(
        self,
        bulk: str,
        *,
        actor: Actor,
        even_if_changed: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> documents.BulkStatus:
        """Starts a bulk, or has it go on, and works at it until it is done or paused. Killed
        anywhere it goes on when it is called again. Raises NotFound, Forbidden, Refused, Conflict,
        Unreachable, Damaged."""
        found = self._seen(bulk, actor)
        stream = bulks.stream_of(found.id)
        if found.state == "paused":
            self._desk.execute(bulks.ResumeBulk(), on=stream, actor=actor)
        elif found.state != "running":
            start = bulks.StartBulk(even_if_changed=even_if_changed)
            self._desk.execute(start, on=stream, actor=actor)
        self.carry_on(found.id, on_progress=on_progress)
        return self.show(found.id, actor)

    def carry_on(
        self,
        id: str,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Works at a bulk that was started until it is done, paused, or `stop` is set."""
        began = time.monotonic()
        bulk: Bulk = self._load(bulks.stream_of(id))
        while bulk.state == "running" and not (stop is not None and stop.is_set()):
            assert bulk.runner is not None
            if bulk.reached >= bulk.tickets:
                self._finish(bulk)
            else:
                self._slice(bulk, _Sending(self, bulk, bulk.runner))
            bulk = self._load(bulks.stream_of(id))
            if on_progress is not None:
                on_progress(Progress(bulk.reached, bulk.tickets, time.monotonic() - began))
                bulk = self._load(bulks.stream_of(id))

    def follow(self, stop: threading.Event) -> None:
        """Works at the bulks that were started, until `stop` is set."""
        from ticketlog.projections.views.bulks import BulkList

        while not stop.is_set():
            for row in self._desk.query(BulkList(state="running", limit=1_000)):
                self.carry_on(row["bulk"], stop=stop)
            self._last_pass_at = time.time()
            self._log.wait(self._log.ends(), CHECK_S)

    def last_pass_at(self) -> float:
        return self._last_pass_at

    def _slice(self, bulk: Bulk, sending: _Sending) -> None:
        """Sends the command to the next tickets, and records what became of them."""
        end = min(bulk.reached + bulks.SLICE, bulk.tickets)
        self._log.sync()
        done = self._sent(bulk, list(self._tickets(bulk, bulk.reached, end)), sending)
        skipped = tuple(each.skipped for each in done if each.skipped is not None)
        changed = sum(1 for each in done if each.commit)
        self._keep(
            bulk.id,
            bulks.RecordProgress(
                start=bulk.reached,
                reached=end,
                changed=changed,
                unchanged=end - bulk.reached - changed - len(skipped),
                skipped=skipped,
                recipients=() if bulk.notices else self._recipients(done, sending.settings),
            ),
        )

    def _sent(self, bulk: Bulk, ids: list[str], sending: _Sending) -> list[_Done]:
        done: dict[str, _Done] = {}
        left = ids
        for _ in range(ATTEMPTS):
            made: list[tuple[str, Commit, Ticket]] = []
            for id in left:
                found = self._decided(bulk, id, sending)
                if isinstance(found, _Done):
                    done[id] = found
                else:
                    made.append((id, *found))
            left = self._appended(made, done)
            if not left:
                return [done[id] for id in ids]
        raise Conflict(
            f"other writers changed tickets of bulk {bulk.id} {ATTEMPTS} times in a row: run it "
            "again when they rest; what is done stays so"
        )

    def _appended(
        self, made: list[tuple[str, Commit, Ticket]], done: dict[str, _Done]
    ) -> list[str]:
        """Appends commits together; the ids of the tickets to look at again."""
        again = []
        placed = self._log.append_all([commit for _, commit, _ in made])
        for (id, commit, state), place in zip(made, placed, strict=True):
            if not isinstance(place, Placed):
                assert isinstance(place, Verdict)
                again.append(id)
                continue
            events = tuple(recorded_of(commit, place.partition, place.offset))
            after = tickets.fold(state, events)
            self._executor.repository.keep(commit.stream, after)
            done[id] = _Done(events, after=after)
        return again

    def _decided(self, bulk: Bulk, id: str, sending: _Sending) -> _Done | tuple[Commit, Ticket]:
        """The commit of a ticket and the state that it is made of; or what became of the ticket
        without one."""
        made = sending.request(id)
        if sending.hides(made):
            return self._alone(id, made)
        read = self._read(id, bulk)
        if read.own:
            return _Done(read.own, after=read.now)
        if read.changed and not bulk.even_if_changed:
            return _Done(skipped=SkippedTicket(ticket=id, why=CHANGED))
        if is_executed_alone(made.command):
            return self._alone(id, made)
        try:
            commit = self._executor.decided(made, read.now, sending.settings)
        except Refused as refusal:
            return _Done(skipped=_skipped(id, refusal))
        return (commit, read.now) if commit is not None else _Done()

    def _alone(self, id: str, made: Request) -> _Done:
        """The outcome of a command that is executed by itself."""
        try:
            outcome = self._executor.execute(made)
        except Refused as refusal:
            return _Done(skipped=_skipped(id, refusal))
        return _Done(outcome.events, after=self._load(made.stream) if outcome.events else None)

    def _finish(self, bulk: Bulk) -> None:
        """Tells the recipients, and ends the run."""
        told = self._all_recipients(bulk)
        pages = _pages(told)
        for number in range(bulk.told, len(pages)):
            tell = bulks.TellRecipients(page=number, recipients=pages[number])
            self._keep(bulk.id, tell)
        self._keep(bulk.id, bulks.EndBulk())

    def _recipients(self, done: Sequence[_Done], settings: Settings) -> tuple[Recipients, ...]:
        """The recipients whom rules would have notified of what was done."""
        if not settings.rules_of(NotificationRule):
            return ()
        found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for each in done:
            for rule, outbox, who in self._told_of(each, settings):
                found[rule, outbox][who] += 1
        return _as_recipients(found)

    def _told_of(self, done: _Done, settings: Settings) -> set[tuple[str, str, str]]:
        """The recipients of a ticket's notices, each once a rule."""
        if not done.commit or done.after is None:
            return set()
        situation = Situation(
            settings=settings,
            now=self._desk.now(),
            before=lambda: None,
            after=lambda: done.after,
            load=self._load,
            workload=cast("Workload", None),  # no notification asks who has how much to do
            commit=done.commit,
        )
        notices = (
            reaction.command
            for each in done.commit
            if type(each.event) in notification.ON
            for reaction in notification.decided(each, situation)
        )
        return {
            (each.rule, each.outbox, who)
            for each in notices
            if isinstance(each, Notify)
            for who in each.to
        }

    def _all_recipients(self, bulk: Bulk) -> tuple[Recipients, ...]:
        found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        if not bulk.notices:
            for record in self._log.stream(bulks.stream_of(bulk.id), bulk.chunks + 1):
                for each in self._log.codec.decode(record.data, record.partition, record.offset):
                    if isinstance(each.event, bulks.BulkProgressed):
                        for one in each.event.recipients:
                            found[one.rule, one.outbox].update(one.tickets)
        return _as_recipients(found)


class _Sending:
    """The requests of a bulk, as one actor sends them under the settings of now."""

    def __init__(self, of: Bulks, bulk: Bulk, actor: Actor) -> None:
        assert bulk.command is not None
        self.settings = of._desk.settings
        self._bulk, self._actor, self._now = bulk, actor, of._desk.now
        self._executor = of._executor
        viewer = of._access.viewer(actor)
        right = bulk.command.name
        self._limited = viewer.sight().limited or viewer.sight(right).limited
        self._made: Command | None = None
        self._digest = ""
        if bulk.undoes is None:
            self._made = command_of(bulk.command.name, orjson.loads(bulk.command.values))
            self._digest = digest_of(self._made)

    def hides(self, made: Request) -> bool:
        """Whether the actor doesn't see the ticket of a request."""
        return self._limited and self._executor.is_foreign(made)

    def request(self, id: str) -> Request:
        """The request for a ticket."""
        bulk, now = self._bulk, self._now()
        command, digest = self._made, self._digest
        if command is None:
            command = TakeBack(commit=bulks.commit_id(bulk.undoes or "", id))
            digest = digest_of(command)
        return Request(
            command=command,
            aggregate=AGGREGATES[tickets.KIND],
            stream=f"{_PREFIX}{id}",
            id=bulks.commit_id(bulk.id, id),
            digest=digest,
            received_at=now,
            occurred_at=now,
            actor=self._actor,
            channel=bulks.CHANNEL,
            source=None,
            reason=bulk.reason,
            seen=None,
            cause=bulk.started,
            correlation=bulks.stream_of(bulk.id),
        )


@lru_cache(maxsize=16)
def _parsed(cut: str) -> tuple[int, ...]:
    found = Cut.parse(cut)
    assert found is not None
    return found.ends


def _ends(bulk: Bulk) -> tuple[int, ...]:
    """The ends of the log's partitions at a bulk's cut."""
    return _parsed(bulk.cut)


def _is_untouched(bulk: Bulk, id: str, last: Record) -> bool:
    """Whether a ticket's last commit is from before a bulk; of a bulk that takes another one back:
    whether it is the commit of that."""
    if bulk.undoes is None:
        return last.offset < _ends(bulk)[last.partition]
    return b'"id":"%s"' % bulks.commit_id(bulk.undoes, id).encode() in last.data


def _counts(event: Event) -> bool:
    """Whether an event is one by which a ticket was changed: no notice, and nothing that
    follows from what was done before."""
    return not isinstance(event, NotificationDecided) and not isinstance(
        INVERSE.get(type(event)), Follows
    )


def _events(commit: Commit | None) -> list[Event]:
    return [] if commit is None else [each for each in commit.events if isinstance(each, Event)]


def _names(events: Iterable[Event]) -> list[str]:
    return [each.NAME for each in events]


def _skipped(id: str, refusal: Refused) -> SkippedTicket:
    said = " ".join(str(refusal).split())[:500]
    return SkippedTicket(ticket=id, why=refusal.code, said=said or None)


def _reason(
    refusal: Refused, id: str, known: Mapping[tuple[str, str | None], int]
) -> tuple[str, str | None]:
    """The code and the words of a refusal, the same for every ticket; where there are very many
    different words, the code alone."""
    said = refusal.code, str(refusal).replace(id, "ID")
    return said if said in known or len(known) < MOST_REASONS else (refusal.code, None)


def _as_recipients(
    found: Mapping[tuple[str, str], Mapping[str, int]],
) -> tuple[Recipients, ...]:
    return tuple(
        Recipients(rule=rule, outbox=outbox, tickets=dict(sorted(who.items())))
        for (rule, outbox), who in sorted(found.items())
    )


def _pages(told: Iterable[Recipients]) -> list[tuple[Recipients, ...]]:
    """The recipients in pages that each fit in a commit."""
    pages: list[tuple[Recipients, ...]] = []
    for each in told:
        left = iter(each.tickets.items())
        while page := dict(islice(left, TOLD)):
            pages.append((each.model_copy(update={"tickets": page}),))
    return pages
