"""The view of schedules: which occurrences came, with their tickets, and which are exceptions."""

from __future__ import annotations

from itertools import islice
from typing import Any

from pydantic import Field
from sqlalchemy import select

from ticketlog.documents.base import At, Count, Document, Id, Text, Word
from ticketlog.domain.base import Recorded
from ticketlog.domain.schedule import (
    OccurrenceCame,
    OccurrencesMissed,
    ScheduleAtWork,
    upcoming,
)
from ticketlog.domain.settings.model import Settings
from ticketlog.projections.engine.projection import (
    INT,
    OF_STAFF,
    OF_TICKET,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
)
from ticketlog.projections.engine.query import Limit, Query, Reading, ShellSpec

_AT_WORK = Rows(
    "at_work",
    key={"schedule": TEXT},
    values={"done": INT, "done_due": INT},
    whose=OF_STAFF,
)
_EXCEPTIONS = Rows(
    "exceptions",
    key={"schedule": TEXT, "occurrence": INT},
    values={"state": TEXT, "due": INT},
    whose=OF_STAFF,
)
_CAME = Rows(
    "came",
    key={"schedule": TEXT, "occurrence": INT},
    values={"due": INT, "recorded_at": INT, "ticket": TEXT},
    indexes=(("schedule", "due"),),
    whose=OF_TICKET,
)
_MISSED = Rows(
    "missed",
    key={"schedule": TEXT, "occurrence": INT},
    values={"due": INT, "n": INT},
    whose=OF_STAFF,
)


class _Fold(Fold):
    __slots__ = ("came", "missed")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.came: list[Row] = []
        self.missed: list[Row] = []

    def step(self, recorded: Recorded, before: Any, after: Any) -> None:
        match recorded.event:
            case OccurrenceCame(occurrence=at, due=due, ticket=ticket):
                self.came.append((self.id, at, due, recorded.meta.recorded_at, ticket))
            case OccurrencesMissed(last=last, due=due, number=number):
                self.missed.append((self.id, last, due, number))

    def rows(self, state: ScheduleAtWork) -> tuple[list[Row], ...]:
        exceptions: list[Row] = [
            *((self.id, at, "moved", to) for at, to in sorted(state.moved.items())),
            *((self.id, at, "skipped", at) for at in sorted(state.skipped)),
            *((self.id, at, "early", at) for at in sorted(state.early)),
        ]
        at_work: Row = (self.id, state.done, state.done_due)
        return [at_work], exceptions, list(self.came), list(self.missed)


def _states(at: Reading, schedules: list[str]) -> dict[str, ScheduleAtWork]:
    """The states of schedules as far as the rows tell them."""
    moved: dict[str, dict[int, int]] = {}
    sets: dict[tuple[str, str], set[int]] = {}
    exceptions = at.tables["exceptions"]
    chosen = exceptions.c.schedule.in_(schedules)
    for schedule, occurrence, state, due in at.connection.execute(select(exceptions).where(chosen)):
        if state == "moved":
            moved.setdefault(schedule, {})[occurrence] = due
        else:
            sets.setdefault((schedule, state), set()).add(occurrence)
    table = at.tables["at_work"]
    rows = at.connection.execute(select(table).where(table.c.schedule.in_(schedules)))
    done = {schedule: (planned, due) for schedule, planned, due in rows}
    return {
        id: ScheduleAtWork(
            id=id,
            done=done.get(id, (None, None))[0],
            done_due=done.get(id, (None, None))[1],
            moved=moved.get(id, {}),
            skipped=frozenset(sets.get((id, "skipped"), ())),
            early=frozenset(sets.get((id, "early"), ())),
        )
        for id in schedules
    }


class ScheduleRow(Document):
    """A schedule."""

    schedule: Id
    title: Text
    rrule: Text
    zone: Word
    paused: bool
    next_at: At | None
    """When its next occurrence is due; null: never, or it is paused."""
    last_at: At | None
    """When the last one of its rule was due."""


class ScheduleRows(Document):
    """The schedules of the settings."""

    schedules: list[ScheduleRow]


class ScheduleList(Query[list[dict[str, Any]]]):
    """The schedules of the settings, those first whose next occurrence is due first."""

    NAME = "schedules"
    DOCUMENT = ScheduleRows
    SHELL = ShellSpec(examples=("ticketlog schedule list",))

    limit: Limit = 1_000

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        settings: Settings = at.settings()
        states = _states(at, list(settings.schedules))
        rows = []
        for id, schedule in settings.schedules.items():
            first = next(upcoming(states[id], settings), None)
            rows.append(
                {
                    "schedule": id,
                    "title": schedule.title or schedule.ticket.subject,
                    "rrule": schedule.rrule,
                    "zone": schedule.zone,
                    "paused": schedule.paused,
                    "next_at": first and first.due,
                    "last_at": states[id].done_due,
                }
            )
        rows.sort(key=lambda row: (row["next_at"] is None, row["next_at"] or 0, row["schedule"]))
        return rows[: self.limit]


class OccurrenceRow(Document):
    """An occurrence of a schedule."""

    occurrence: At
    """When its rule has it, which is its name; of missed ones that of the last."""
    due: At
    """When it comes or came, after shifting or moving."""
    state: Word
    """ahead, moved, skipped, came or missed."""
    ticket: Id | None
    """The ticket that it opened."""
    number: Count
    """Occurrences that the row stands for: of missed ones it may be several."""


class OccurrenceRows(Document):
    """The occurrences of a schedule: earlier ones, then those ahead."""

    occurrences: list[OccurrenceRow]


class ScheduleDates(Query[list[dict[str, Any]]]):
    """The dates of a schedule: the latest that came or were missed, and those ahead, with the
    ones that are skipped or moved."""

    NAME = "schedule-dates"
    DOCUMENT = OccurrenceRows
    SHELL = ShellSpec(
        examples=("ticketlog schedule next backups", "ticketlog schedule next backups --limit 20"),
        positional=("schedule",),
    )

    schedule: str = Field(description="The schedule's id in the settings.")
    earlier: int = Field(10, ge=0, le=1_000, description="Earlier ones at most.")
    limit: int = Field(10, ge=0, le=1_000, description="Occurrences ahead at most.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        settings: Settings = at.settings()
        if self.schedule not in settings.schedules:
            known = ", ".join(sorted(settings.schedules)) or "none"
            raise ValueError(f"there is no schedule {self.schedule}; there are {known}")
        state = _states(at, [self.schedule])[self.schedule]
        ahead = [
            _row(each.planned, each.due, "moved" if each.planned in state.moved else "ahead")
            for each in islice(upcoming(state, settings), self.limit)
        ]
        skipped = [_row(each, each, "skipped") for each in sorted(state.skipped)]
        rows = sorted([*ahead, *skipped], key=lambda row: (row["due"], row["occurrence"]))
        return [*self._earlier(at), *rows]

    def _earlier(self, at: Reading) -> list[dict[str, Any]]:
        came, missed = at.tables["came"], at.tables["missed"]
        connection = at.connection
        query = select(came).where(came.c.schedule == self.schedule)
        found = [
            _row(each.occurrence, each.due, "came", each.ticket)
            for each in connection.execute(query.order_by(came.c.due.desc()).limit(self.earlier))
        ]
        query = select(missed).where(missed.c.schedule == self.schedule)
        found += [
            _row(each.occurrence, each.due, "missed", number=each.n)
            for each in connection.execute(query.order_by(missed.c.due.desc()).limit(self.earlier))
        ]
        found.sort(key=lambda row: (row["due"], row["occurrence"]))
        return found[len(found) - self.earlier :] if len(found) > self.earlier else found


def _row(
    occurrence: int, due: int, state: str, ticket: str | None = None, number: int = 1
) -> dict[str, Any]:
    return {
        "occurrence": occurrence,
        "due": due,
        "state": state,
        "ticket": ticket,
        "number": number,
    }


VIEW = Projection(
    "schedules",
    1,
    (_AT_WORK, _EXCEPTIONS, _CAME, _MISSED),
    {"schedule": _Fold},
    (ScheduleList, ScheduleDates),
)
