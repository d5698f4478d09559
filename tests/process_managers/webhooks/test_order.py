"""Whatever an endpoint answers, and whenever the process dies: a ticket's events arrive in order,
none is missing, and what comes twice comes with the same id and the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.process_managers.webhooks.receiving import SECRET, Receiver
from tests.process_managers.webhooks.receiving import settings as settings_file
from ticketlog import config
from ticketlog.application.logs import open_logs
from ticketlog.desk import Desk, codec_of
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.webhook import ResumeWebhook
from ticketlog.process_managers.webhooks.delivering import WebhookDeliverer, lane_name
from ticketlog.process_managers.webhooks.endpoint import Endpoint, Underway
from ticketlog.process_managers.webhooks.http_sender import HookAnswer
from ticketlog.process_managers.webhooks.schedule import HOUR, SECOND

ANSWERS = st.sampled_from(
    [
        *[HookAnswer(204)] * 6,
        *(HookAnswer(500), HookAnswer(400), HookAnswer(302, "a redirect")),
        HookAnswer(None, "no answer within 20 s"),
        HookAnswer(429, retry_after="30"),
        HookAnswer(503, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"),
        HookAnswer(429),
        HookAnswer(410),
    ]
)
_TEMPLATE: list[Path] = []


def template() -> Path:
    """The folder of a desk with an endpoint."""
    if not _TEMPLATE:
        folder = Path(tempfile.mkdtemp()) / "desk"
        helpdesk.make(folder)
        (folder / "crm.secret").write_text(SECRET)
        with Desk(
            config.read(folder), open_logs(config.read(folder), codec_of(config.read(folder)))
        ) as desk:
            desk.settings_apply(settings_file(types="ticket.*"), actor=SUE)
        _TEMPLATE.append(folder)
    return _TEMPLATE[0]


class Deliveries(RuleBasedStateMachine):
    tickets = Bundle("tickets")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp()) / "desk"
        shutil.copytree(template(), self.folder)
        found = config.read(self.folder)
        self.desk = Desk(found, open_logs(found, codec_of(found)))
        self.now = self.desk._clock() + SECOND
        self.desk._clock = lambda: self.now
        self.desk.close()
        self.desk = Desk(found, open_logs(found, codec_of(found)), clock=lambda: self.now)
        self.under_way: list[Underway] = []
        self.taken: dict[str, list[int]] = {}
        self.bodies: dict[str, bytes] = {}
        self.start()

    def start(self) -> None:
        self.deliverer: WebhookDeliverer = (
            self.desk.webhooks()
            ._replace(open_sender=Receiver().opened)
            .deliverer(chance=lambda: 0.5)
        )
        self.deliverer.refresh()

    @property
    def endpoint(self) -> Endpoint | None:
        return next(iter(self.deliverer.endpoints()), None)

    @rule(target=tickets)
    def create(self) -> str:
        self.now += SECOND
        made = self.desk.execute(CreateTicket(subject="x"), actor=ANN)
        return made.stream

    @rule(ticket=tickets, times=st.integers(1, 6))
    def happens(self, ticket: str, times: int) -> None:
        for _ in range(times):
            self.now += SECOND
            self.desk.execute(Note(body="more"), on=ticket, actor=ANN)

    @rule()
    def send(self) -> None:
        if self.endpoint is None:
            return
        self.endpoint.fill(self.now)
        found = self.endpoint.next(self.now)
        if found is None:
            return
        delivery = found.delivery
        assert delivery.stream not in [each.delivery.stream for each in self.under_way]
        assert self.bodies.setdefault(delivery.id, delivery.body) == delivery.body
        self.under_way.append(found)

    @rule(answer=ANSWERS, which=st.integers(0, 50))
    def answer(self, answer: HookAnswer, which: int) -> None:
        if not self.under_way:
            return
        sent = self.under_way.pop(which % len(self.under_way))
        if answer.is_success:
            self.taken.setdefault(sent.delivery.stream, []).append(sent.delivery.version)
        endpoint = self.endpoint
        if endpoint is None:
            return
        self.deliverer.take_in(endpoint, sent, answer)
        self.deliverer.refresh()
        if answer.status == 410 and not self.under_way:
            self.deliverer.refresh()
            assert self.endpoint is None
            assert self.desk.webhooks().show("crm").state == "disabled"

    @rule()
    def resume(self) -> None:
        if self.desk.load("webhook/crm").disabled and not self.under_way:
            self.deliverer.refresh()
            self.desk.execute(ResumeWebhook(), on="webhook/crm", actor=SUE)
            self.deliverer.refresh()

    @rule(seconds=st.sampled_from([1, 10, 90, 600, 3_600, 90_000]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule()
    def record(self) -> None:
        if self.endpoint is not None:
            self.deliverer.record(self.endpoint)

    @rule()
    def dies(self) -> None:
        """Nothing is recorded, and what was under way may have arrived."""
        self.under_way = []
        self.start()

    @invariant()
    def is_in_order(self) -> None:
        for stream, versions in getattr(self, "taken", {}).items():
            first = list(dict.fromkeys(versions))
            assert first == sorted(first), (stream, versions)

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        try:
            self.finish()
        finally:
            self.desk.close()
            shutil.rmtree(self.folder.parent)

    def finish(self) -> None:
        while self.under_way:
            self.answer(HookAnswer(204), 0)
        self.resume()
        for _ in range(400):
            before = len(self.bodies), sum(map(len, self.taken.values()))
            self.send()
            while self.under_way:
                self.answer(HookAnswer(204), 0)
            if before == (len(self.bodies), sum(map(len, self.taken.values()))):
                self.now += HOUR
                if self.is_idle():
                    break
        self.is_in_order()
        parked = self.desk.load(f"policy/{lane_name('crm')}").parked
        for stream in self.streams():
            for recorded in self.desk.history(stream):
                versions = self.taken.get(stream, [])
                assert recorded.originator_version in versions or recorded.id in parked

    def is_idle(self) -> bool:
        endpoint = self.endpoint
        assert endpoint is not None
        endpoint.fill(self.now)
        (lane,) = endpoint.lanes
        return not (lane.has_ready() or lane.waiting) and lane.base() == list(self.desk.log.ends())

    def streams(self) -> set[str]:
        return {
            e.originator_id
            for e in self.desk.subscribe(follow=False)
            if e.originator_id.startswith("ticket/")
        }


Deliveries.TestCase.settings = settings(max_examples=12, stateful_step_count=40, deadline=None)
TestDeliveries = Deliveries.TestCase
