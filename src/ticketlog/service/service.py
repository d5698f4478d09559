"""The service of a desk: the workers that keep views, policies and topics up, and its condition."""

from __future__ import annotations

import time
from typing import NamedTuple

from ticketlog.application.supervisor import Report, Supervisor, Worker
from ticketlog.desk import Desk
from ticketlog.documents.desks import DeskStatus
from ticketlog.documents.services import Live, Ready, WorkerState
from ticketlog.errors import Damaged, NewerFormat, TicketlogError


def workers(desk: Desk) -> list[Worker]:
    """The workers of a desk, in the order of their start."""
    always = (desk.views_worker(), desk.policies_worker(), desk.outbox_worker())
    found = (*always, desk.audit_worker(), desk.publish_worker(), desk.webhooks_worker())
    return [each for each in found if each is not None]


class ServiceCondition(NamedTuple):
    """The condition of a service at a moment. `status`: the desk's; None where it can't be read.

    `reasons`: for which it isn't ready; none: it is. `warnings`: troubles that need attention while
    the rest goes on.
    """

    status: DeskStatus | None
    reasons: list[str]
    warnings: list[str]


class DeskService:
    """A desk with its workers. `condition`, `readiness` and `liveness` may be called from any
    thread."""

    def __init__(self, desk: Desk, report: Report) -> None:
        self.desk = desk
        self.supervisor = Supervisor(workers(desk), report)
        self._goal: list[int] | None = None
        self._caught_up = False

    def start(self) -> None:
        self.supervisor.start()

    def stop(self) -> bool:
        """Stops the workers and waits for them. False where one of them failed for good."""
        self.supervisor.stop()
        errors = [each.error for each in self.supervisor.workers]
        return not any(isinstance(error, Damaged | NewerFormat) for error in errors)

    def condition(self) -> ServiceCondition:
        """The condition now. It isn't ready until the views have caught up once with the log, while
        a worker fails, and while the log or the views can't be used. A stream that a view has
        parked is a warning, because all other streams go on."""
        try:
            status = self.desk.status()
        except TicketlogError as error:
            return ServiceCondition(None, [str(error), *self._failing((str(error),))], [])
        troubles = status.troubles
        reasons = [*troubles, *self._failing(troubles), *self._missing(status)]
        left = [line for each in self.supervisor.workers for line in each.worker.troubles()]
        return ServiceCondition(status, reasons, [*_parked(status), *left])

    def readiness(self) -> Ready:
        """The condition and the workers, for programs and people."""
        found = self.condition()
        workers = [
            WorkerState(
                worker=each.worker.name,
                failures=each.failures,
                error=each.trouble,
                seconds_since_pass=_since(each.worker.last_pass_at()),
            )
            for each in self.supervisor.workers
        ]
        reasons, warnings = found.reasons, found.warnings
        return Ready(ready=not reasons, reasons=reasons, warnings=warnings, workers=workers)

    def liveness(self) -> Live:
        """Whether the threads of all workers live."""
        return Live(live=self.supervisor.alive)

    def _failing(self, known: list[str] | tuple[str, ...]) -> list[str]:
        found = [(each.worker.name, each.trouble) for each in self.supervisor.workers]
        return [f"{name}: {trouble}" for name, trouble in found if trouble and trouble not in known]

    def _missing(self, status: DeskStatus) -> list[str]:
        """The records that views lack, a line each, of those that the log held at the first
        call."""
        if self._caught_up:
            return []
        if self._goal is None and status.log.reachable:
            self._goal = status.log.ends
        if self._goal is None:
            return ["how much the views have to catch up with isn't known"]
        goal = dict(enumerate(self._goal))
        left = {view.view: 0 for view in status.views}
        for part in status.partitions:
            for name, view in part.views.items():
                left[name] += max(goal[part.partition] - view.position, 0)
        self._caught_up = bool(left) and not any(left.values())
        return [f"view {name} has {n:,} records to catch up with" for name, n in left.items() if n]


def _parked(status: DeskStatus) -> list[str]:
    return [
        f"view {view.view} has parked {row.stream} at {row.position} ({row.error}): "
        f"`ticketlog views retry {view.view}` tries it again"
        for view in status.views
        for row in view.parked
    ]


def _since(last_pass_at: float) -> float | None:
    return round(time.time() - last_pass_at, 3) if last_pass_at else None
