"""The desk: log, settings, views and attachments of one folder, behind a handful of verbs.

    with open_desk("my-desk") as desk:
        made = desk.execute(CreateTicket(subject="VPN drops"), actor=Actor("ann", "agent"))
        for event in desk.history(made.stream): ...

This is the composition root: nothing is created when it is imported, and the views' library is
loaded when a view is first asked.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from importlib.metadata import version
from mimetypes import guess_type
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, get_args

from pydantic import ValidationError

from ticketlog import config as configuration
from ticketlog.application import settings_removal
from ticketlog.application.access import Access
from ticketlog.application.access_log import NOBODY, AccessLog
from ticketlog.application.executor import (
    Executor,
    Outcome,
    Request,
    account_stream_name,
    new_id,
    request,
    stream_name,
)
from ticketlog.application.logs import Logs, make_logs, open_logs
from ticketlog.application.restore import restore
from ticketlog.application.secrets import suspicious
from ticketlog.application.settings_store import AppliedSettings, SettingsLog
from ticketlog.application.stream_reads import StreamReads
from ticketlog.application.supervisor import Supervisor, Worker
from ticketlog.config import LOG_URL, VIEWS_URL, Config, views_file
from ticketlog.domain import rights
from ticketlog.domain.accounts.token import check_scope, token_of
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES, RIGHTS
from ticketlog.domain.base import (
    Actor,
    ActorKind,
    Command,
    Forbidden,
    Invalid,
    NotFound,
    Recorded,
    Refused,
    instant,
    kind_and_id,
)
from ticketlog.domain.imports import Imports
from ticketlog.domain.parties.agent import KIND as AGENT
from ticketlog.domain.parties.contact import Address
from ticketlog.domain.parties.person import KIND as PERSON
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.settings.activation import Desired
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.text import blank, lines
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.conversation import Attach, AttachmentAdded
from ticketlog.errors import Unreachable, Usage
from ticketlog.log import history as reading
from ticketlog.log.attachments import Attachments, IncomingAttachment, Stored
from ticketlog.log.backup import export_lines
from ticketlog.log.codec import RecordCodec
from ticketlog.log.eventsourcing.repository import Repository
from ticketlog.log.kafka.url import SCHEME, KafkaAddress
from ticketlog.settings_files import parser

if TYPE_CHECKING:
    from ticketlog.application.access import Viewer
    from ticketlog.application.as_of import Past
    from ticketlog.application.feed import Feed
    from ticketlog.application.incoming_hooks import HookInbox
    from ticketlog.application.queries import Answer, Answered
    from ticketlog.application.views import Views
    from ticketlog.demo.recorder import Simulated
    from ticketlog.documents.desks import DeskStatus, LogStat, LogVerified
    from ticketlog.importing import AddressHolders, ImportReport, WithdrawnTickets
    from ticketlog.policies.protocol import Policy
    from ticketlog.process_managers.outbox import Outbox, OutboxRelay
    from ticketlog.process_managers.runner import PolicyRunner
    from ticketlog.process_managers.webhooks.administration import WebhookDesk
    from ticketlog.projections.engine.fill import ProgressCallback
    from ticketlog.projections.engine.moment import Cut, Moment
    from ticketlog.projections.engine.query import Query
    from ticketlog.publishing import Publisher

__all__ = ["Desk", "Outcome", "init_desk", "open_desk", "restore_desk"]

_LONGEST = 90
"""Characters; an event's id is its commit's and its number, and others name it in 100."""
SERVICE = Actor("ticketlog", "service", authenticated="local")
"""Who makes a desk."""


def codec_of(config: Config) -> RecordCodec:
    """The codec of a desk's records: a keyring will be chosen here, and nowhere else."""
    return RecordCodec()


def init_desk(
    path: str | os.PathLike[str],
    *,
    log_url: str | None = None,
    views_url: str | None = None,
    simulation: bool = False,
    admin: Actor | None = None,
) -> Desk:
    """Makes a desk in a folder and opens it, with the default settings in force. `simulation`: its
    clock may be moved, and what happens in it may be stated to happen at any time. `admin`: the
    agent who is its first admin; without one it is the first agent who applies settings. A desk
    whose log is there already has its settings.

    Raises Usage where the folder is a desk already, Unreachable where it can't be written.
    """
    if admin is not None and admin.kind != "agent":
        raise Usage(f"the admin of a desk is an agent, and {admin.kind} {admin.id} is none")
    folder = Path(path)
    made = Config(folder, log_url or LOG_URL, views_url or VIEWS_URL, simulation=simulation)
    if (folder / configuration.FILE).exists():
        raise Usage(f"{folder} is a desk already: choose another folder, or use it as it is")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        desk = Desk(made, make_logs(made, codec_of(made)))
        if desk.settings.position == 0:
            desk._apply_own_settings(parser.defaults(admin), "the defaults of a new desk")
        configuration.write(made)
    except OSError as error:
        raise Unreachable(f"{folder} can't be written: {error.strerror}") from error
    return desk


def restore_desk(
    path: str | os.PathLike[str],
    lines: Iterable[bytes],
    *,
    log_url: str | None = None,
    views_url: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Desk:
    """Makes a desk in a folder from the lines of `Desk.log_export`: the same records at the same
    positions, so that every commit, cut and report means what it meant. Interrupted, it can be
    called again, and goes on; where all is there already it changes nothing. A desk that was made
    for simulation is one again.

    `log_url`: where the log is made; topics must be empty, and nothing else may write to them.
    `lines` are read twice then. `on_progress` gets the numbers of records there and of all.

    Raises Usage where the folder is another desk already, Damaged where a line is missing or
    changed or where another program wrote meanwhile, Unfit for topics that hold something else,
    Unreachable.
    """
    given = Config(Path(path), log_url or LOG_URL, views_url or VIEWS_URL)
    made = restore(given, lines, codec_of(given), on_progress or (lambda done, total: None))
    return Desk(made, open_logs(made, codec_of(made)))


def open_desk(
    path: str | os.PathLike[str] | None = None, *, on_progress: ProgressCallback | None = None
) -> Desk:
    """The desk in a folder; without one, the desk that TICKETLOG_DESK names, or the nearest one
    at or above the working folder. `on_progress`: told how far a view is for which
    a question has to wait.

    Raises Usage, Unreachable, Damaged.
    """
    found = configuration.read(configuration.find(path))
    return Desk(found, open_logs(found, codec_of(found)), on_progress=on_progress)


class Desk:
    """A ticketing desk. Thread-safe; use it as a context manager or `close()` it."""

    def __init__(
        self,
        config: Config,
        logs: Logs,
        clock: Callable[[], int] | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self.config = config
        self.folder = config.folder
        self.log = logs.tickets
        self._logs = logs
        self._clock = clock or _now
        self._writer = f"pid {os.getpid()}, ticketlog {version('ticketlog')}"
        self._repository = Repository(self.log, AGGREGATES, self.folder / "snapshots.db")
        self._settings = SettingsLog(
            logs.settings, self._clock, self._writer, self._repository.load
        )
        self._access = Access(
            self._settings.in_force,
            self._repository.load,
            lambda: self.access_log,
            self.check_scope,
        )
        self._executor = Executor(
            self.log,
            self._repository,
            self._settings.in_force,
            self._writer,
            simulated=config.simulation,
            holders=self._holders,
            permitted=self.check_scope,
            access=self._access,
        )
        self.access_log = AccessLog(
            logs.access,
            self.folder / "audit.db",
            settings=self._settings.in_force,
            load=self._repository.load,
            clock=self._clock,
            writer=self._writer,
        )
        self._account_executor: Executor | None = None
        self._reads = StreamReads(self._access, lambda stream: reading.history(self.log, stream))
        self._attachments = Attachments(self.folder / "attachments")
        self._on_progress = on_progress
        self._views: Views | None = None
        self._supervisor: Supervisor | None = None
        self._opening = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stopped.set()
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._views is not None:
            self._views.close()
        self.access_log.close()
        self._repository.close()
        self._logs.close()
        self._executor.close()
        if self._account_executor is not None:
            self._account_executor.close()

    def execute(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        channel: str = "api",
        source: str | None = None,
        reason: str | None = None,
        seen: int | None = None,
        cause: str | None = None,
        correlation: str | None = None,
        occurred_at: int | None = None,
        anyway: bool = False,
    ) -> Outcome:
        """Carries a command out, durably: what is returned stands in the log.

        `on` names the stream ('ticket/ID', or the ID alone), None for a command that creates.
        `id` makes the command safe to send again: it is done once and has one answer. `seen` is
        the version that the sender saw: it is refused where what it touches has changed since, or
        where it answers and another person has spoken since (`facts["said"]`); `anyway` sends it.
        `occurred_at`: when it happened, where a channel knows; a time that can't be true
        (`time.receipt`) counts as that of receipt, and stays recorded as claimed. A reply to a
        closed ticket, or its reopening, opens a follow-up ticket instead.

        Raises Refused (and its kinds) where a rule says no, CommandReused where the id stands for
        something else, Conflict where other commits are always faster, Usage, Unreachable, Damaged.
        """
        return self._executor.execute(
            self._received(
                command,
                on,
                id,
                actor=actor,
                channel=channel,
                source=source,
                reason=reason,
                seen=seen,
                cause=cause,
                correlation=correlation,
                occurred_at=occurred_at,
                anyway=anyway,
            )
        )

    async def execute_async(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        channel: str = "api",
        source: str | None = None,
        reason: str | None = None,
        seen: int | None = None,
        cause: str | None = None,
        correlation: str | None = None,
        occurred_at: int | None = None,
        anyway: bool = False,
    ) -> Outcome:
        """The same as `execute`, with the same answers and refusals, for programs on an event loop:
        no thread is held while the commit is under way. Where the awaiting task is cancelled, the
        command is carried through all the same, and its id has its answer. Closing the desk ends
        what is awaited, with Unreachable or InDoubt."""
        return await self._executor.execute_async(
            self._received(
                command,
                on,
                id,
                actor=actor,
                channel=channel,
                source=source,
                reason=reason,
                seen=seen,
                cause=cause,
                correlation=correlation,
                occurred_at=occurred_at,
                anyway=anyway,
            )
        )

    def _received(
        self,
        command: Command,
        on: str | None,
        id: str | None,
        *,
        actor: Actor,
        channel: str,
        source: str | None,
        reason: str | None,
        **sending: Any,
    ) -> Request:
        """The command as it is received now. Raises Usage."""
        fresh = id is None
        id = new_id() if id is None else id
        _check_envelope(id, channel, actor)
        return request(
            command,
            on,
            id=id,
            received_at=self._clock(),
            actor=actor,
            channel=channel,
            source=_said("the source", source),
            reason=_said("the reason", reason),
            fresh=fresh,
            **sending,
        )

    def execute_account(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        channel: str = "api",
        source: str | None = None,
        reason: str | None = None,
        cause: str | None = None,
        correlation: str | None = None,
        internal: bool = False,
    ) -> Outcome:
        """Carries a command out on a stream of the log of access (`domain/accounts/`), as `execute`
        does on one of the log of tickets. Its decision may read streams of both logs. `internal`:
        the desk itself sends it, on its way to knowing the actor.

        Raises what `execute` raises.
        """
        made = self._received(
            command,
            on,
            id,
            actor=actor,
            channel=channel,
            source=source,
            reason=reason,
            cause=cause,
            correlation=correlation,
            occurred_at=None,
            internal=internal,
            kinds=ACCOUNT_AGGREGATES,
        )
        return self._accounts().execute(made)

    def load_account(self, stream: str) -> Any:
        """The state of a stream KIND/ID of the log of access; `exists` says whether it is there.
        Raises Usage for a kind of stream that this log hasn't."""
        return self._accounts().repository.load(account_stream_name(stream))

    def load_accounts(self, kind: str, since: str = "") -> Iterator[Any]:
        """The states of all streams of a kind in the log of access, in the order of their ids;
        `since`: of those whose ids come after it.
        Raises Usage for a kind that it hasn't."""
        prefix = f"{account_stream_name(f'{kind}/.')[:-1]}"
        self._logs.access.sync()
        for stream, _ in self._logs.access.streams(0, after=prefix + since):
            if not stream.startswith(prefix):
                return
            yield self.load_account(stream)

    def account_history(self, stream: str) -> list[Recorded]:
        """The events of a stream KIND/ID of the log of access, in order. Raises Usage."""
        return reading.history(self._logs.access, account_stream_name(stream))

    def _accounts(self) -> Executor:
        """The executor of the log of access, made when it is first needed."""
        with self._opening:
            if self._account_executor is None:
                log = self._logs.access
                self._account_executor = Executor(
                    log,
                    Repository(log, ACCOUNT_AGGREGATES),
                    self._settings.in_force,
                    self._writer,
                    simulated=self.config.simulation,
                    load=self._load_any,
                    permitted=self.check_scope,
                )
            return self._account_executor

    def _load_any(self, stream: str) -> Any:
        """The state of a stream of either log that takes commands."""
        known = kind_and_id(stream)[0] in ACCOUNT_AGGREGATES
        return self._accounts().repository.load(stream) if known else self._repository.load(stream)

    def now(self) -> int:
        """The desk's time, in microseconds since 1970."""
        return self._clock()

    def persons_with(self, address: Address) -> list[str]:
        """The ids of the persons who have an address, as it is compared. Raises Unreachable,
        Damaged."""
        return self._holders((address,))

    def register_signed_in(self, command: RegisterPerson, *, id: str) -> Outcome:
        """Registers a person whom an identity provider has shown to be there; the desk itself does.
        Raises what `execute` raises."""
        made = request(
            command,
            None,
            id=id,
            received_at=self._clock(),
            occurred_at=None,
            actor=SERVICE,
            channel="web",
            internal=True,
        )
        return self._executor.execute(made)

    @property
    def appends_under_way(self) -> int:
        """The number of commits of commands that the log hasn't acknowledged."""
        return self._executor.appends_under_way

    @property
    def views(self) -> Views:
        """The views, opened when they are first asked for. Raises Unreachable, Damaged."""
        with self._opening:
            if self._views is None:
                from ticketlog.application.views import Views

                self._views = Views(self._logs, self.config, self._on_progress)
            return self._views

    def query(self, query: Query[Answer], *, actor: Actor | None = None) -> Answer:
        """The answer of a query (`ticketlog.queries`), of everything that was recorded until now.

            desk.query(queries.Queue(team="network", limit=20), actor=ann)

        `actor`: who asks; None: who may read the desk's files. Raises Forbidden for an actor who
        isn't known, Usage for parameters that mean nothing, Unreachable, Damaged.
        """
        return self._answered(query, actor, self._settings.in_force).answer

    def _answered(
        self, query: Query[Answer], actor: Actor | None, settings: Callable[[], Settings]
    ) -> Answered[Answer]:
        from ticketlog.application.queries import answer

        return answer(query, actor, self.views, settings, self._access)

    def linked_by(self, ticket: str, *, actor: Actor | None = None) -> list[dict[str, Any]]:
        """The links of other tickets to a ticket, as of now: kind and ticket. `actor`: as for
        `query`. Raises Forbidden, Unreachable, Damaged."""
        from ticketlog.application.linked_tickets import linked_by

        # The short way past the views serves the command line alone: an actor asks by a query.
        viewer = self.viewer(actor)
        direct = viewer.unlimited and not (actor and self.settings.restricted_teams)
        found = linked_by(self.log, views_file(self.config), ticket) if direct else None
        if found is None:
            from ticketlog.projections.views.tickets import TicketLinks

            found = self.query(TicketLinks(ticket=ticket), actor=actor)["linked_by"]
        return list(found)

    def selves(self, agent: str) -> list[str]:
        """Under which other ids an agent acts: as the person whom the settings name, as all who are
        one with that person by merges, as other agents who are that person. As events name
        actors, KIND/ID."""
        known = self.settings.agents.get(agent)
        if known is None or known.person is None:
            return []
        return [each for each in self._merged(known.person) if each != f"{AGENT}/{agent}"]

    def audited(self, about: str) -> tuple[str, ...]:
        """The streams and actors that `access_log.entries` looks for of a ticket (ID, or
        SOURCE:NUMBER) or of an actor KIND:ID: an agent or a person with all ids under which they
        act. Raises Usage, NotFound."""
        kind, colon, id = about.partition(":" if ":" in about else "/")
        if not colon:
            return (f"{TICKET}/{about.upper()}",)
        if kind not in {*get_args(ActorKind), *AGGREGATES, *ACCOUNT_AGGREGATES}:
            return (self.numbered(about),)
        if not id:
            raise Usage(f"{about!r} names nobody: write KIND:ID, such as agent:ann, or a ticket")
        if kind == TICKET:
            return (f"{TICKET}/{id.upper()}",)
        same: list[str] = []
        if kind == AGENT:
            same = self.selves(id)
        elif kind == PERSON:
            same = self._merged(id)
        return tuple(dict.fromkeys((f"{kind}/{id}", *same)))

    def _merged(self, person: str) -> list[str]:
        """All persons who are one with a person, and the agents who are that person, KIND/ID."""
        from ticketlog.projections.views import persons

        stands = self.query(persons.Survivor(person=person))
        ids = [stands, *self.query(persons.MergedPersons(person=stands))]
        same = (each.id for each in self.settings.agents.values() if each.person in ids)
        return [*(f"{PERSON}/{id}" for id in ids), *(f"{AGENT}/{id}" for id in same)]

    def _holders(self, addresses: Collection[Address]) -> list[str]:
        """The persons who have one of these addresses. Raises Unreachable, Damaged."""
        found = self._having(addresses)
        return list(dict.fromkeys(id for ids in found.values() for id in ids))

    def _having(self, addresses: Collection[Address]) -> dict[Address, list[str]]:
        from ticketlog.projections.views import persons

        self.log.sync()
        return self.query(persons.AddressOwners(addresses=tuple(addresses)))

    def _known_by(self, addresses: Collection[Address]) -> AddressHolders:
        """The persons whom the desk knows by these addresses, as far as its log goes now."""
        from ticketlog.importing import AddressHolders

        agents: dict[str, str] = {}
        for agent in self.settings.agents:
            for name in self.selves(agent):
                kind, id = kind_and_id(name)
                if kind == PERSON:
                    agents.setdefault(id, agent)
        return AddressHolders(self._having(addresses), agents)

    def report(
        self, name: str, *, basis: int | str = "was", actor: Actor | None = None, **given: Any
    ) -> dict[str, Any]:
        """A report by its name (docs/QUERIES.md) as a document: rows, what they were made from, and
        the SHA-256 of all that. `given`: its parameters. The same report `at` its cut is the same
        document.

        `basis`: under which settings promises count; see `at`.
        """
        if basis != "was":
            return self.at(basis=basis).report(name, actor=actor, **given)
        from ticketlog.application import reports
        from ticketlog.projections.engine.moment import Cut

        query = reports.filled(name, given)
        settings = self._logs.settings.ends()[0]
        rows, ends = self._answered(query, actor, lambda: self._settings.at(settings))
        scope = self._access.scope_of(actor, name)
        return reports.document(query, rows, Cut(ends, settings), None, scope=scope)

    def refresh(self) -> None:
        """Returns once everything that was recorded until now is in every view."""
        self.views.refresh()

    def start(self) -> None:
        """Keeps the views up from now on, in a thread of its own, until the desk is closed.
        Queries bring the views up in any case; this saves them the wait."""
        if self._supervisor is None:
            self._supervisor = Supervisor([self.views_worker()], _log_failure)
            self._supervisor.start()

    def views_worker(self) -> Worker:
        """The worker that keeps the views up."""

        def last_pass_at() -> float:
            return self._views.last_pass_at if self._views is not None else 0.0

        return Worker("views", lambda stop: self.views.follow(stop), last_pass_at)

    @property
    def publish_url(self) -> str | None:
        """The URL that accepted events are published at for other services; None: none."""
        given, log = self.config.publish_url, self.config.log_url
        return given or (log if log.startswith(SCHEME) else None)

    def publisher(self) -> Publisher:
        """The publisher of accepted events for other services (docs/SUBSCRIBING.md). Raises Usage
        where the desk's file names no URL for them, or a wrong one."""
        from ticketlog.publishing import Publisher
        from ticketlog.publishing.cloudevent import published_fields

        if self.publish_url is None:
            raise Usage(
                f"{self.folder / configuration.FILE} doesn't say where to publish to; an example: "
                '[publish] url = "kafka://broker:9092/ticketlog"'
            )
        try:
            address = KafkaAddress.parse(self.publish_url)
        except Usage as error:
            raise Usage(str(error).replace("[log]", "[publish]", 1)) from None
        return Publisher(self.log, address, published_fields(self.config.publish_personal))

    def policies(self, policies: Sequence[Policy] | None = None, **given: Any) -> PolicyRunner:
        """The runner of policies, which route, assign, remind and close (docs/POLICIES.md).
        `policies`, `timers` and `now`: instead of those that every desk has; `start`: before
        which record of each partition those begin that never ran, instead of at the desk's
        beginning."""
        from ticketlog.process_managers.runner import PolicyRunner

        if policies is not None:
            given["policies"] = policies
        given = {"now": self._clock, **given}
        return PolicyRunner(self.log, self._executor, self._settings.in_force, **given)

    def begin(self, start: str) -> tuple[int, ...]:
        """The offsets for `policies(start=...)`: 'now', what was recorded from an ISO time on, or
        a position as `position` takes it. Raises Usage."""
        from ticketlog.application.as_of import Cuts

        if start == "now":
            self.log.sync()
            return tuple(self.log.ends())
        if ":" in start and "T" not in start:
            return self.position(start) or ()
        ends = Cuts(self._logs).at(_instant(start) - 1).ends
        return tuple(max(end, 1) for end in ends)  # Behind the genesis.

    def policies_worker(self) -> Worker:
        """The worker that runs the policies."""
        found = self.policies()
        return Worker("policies", found.run, found.last_pass_at, found.positions, found.troubles)

    def outbox_relay(self, outboxes: Mapping[str, Outbox] | None = None) -> OutboxRelay:
        """The relay of notifications: to the outboxes that the desk's file names, or to these."""
        from ticketlog.process_managers.outbox import FileOutbox, OutboxRelay

        named = {name: FileOutbox(self.folder / path) for name, path in self.config.outboxes}
        given = named if outboxes is None else outboxes
        return OutboxRelay(self.log, self._executor, self._clock, given)

    def outbox_worker(self) -> Worker:
        """The worker that delivers notifications."""
        found = self.outbox_relay()
        return Worker("outbox", found.run, found.last_pass_at, found.positions, found.troubles)

    def audit_worker(self) -> Worker:
        """The worker that keeps the index of the log of access up."""
        return Worker("audit", self.access_log.keep_index, lambda: self.access_log.last_pass_at)

    def webhooks(self) -> WebhookDesk:
        """The webhooks: how far each endpoint is, its deliveries, tests (docs/WEBHOOKS.md). Raises
        Usage where `ticketlog.toml` allows a target that means nothing."""
        from ticketlog.process_managers.webhooks.administration import WebhookDesk, begin_at
        from ticketlog.process_managers.webhooks.delivering import DeskAccess
        from ticketlog.process_managers.webhooks.http_sender import HttpSender
        from ticketlog.process_managers.webhooks.targets import TargetRules

        said = self.config.webhooks
        rules = TargetRules(said.allow)
        trusted = said.authorities and str(self.folder / said.authorities)

        def begin(id: str) -> tuple[int, ...]:
            return begin_at(self.log, self._logs.settings, self.settings, id)

        def record_read(actor: Actor, streams: tuple[str, ...]) -> None:
            self.access_log.read(actor, "webhook", on=streams, channel="webhook")

        access = DeskAccess(
            *(self.log, self._executor, self._clock, self.viewer, begin, self.folder),
            record_read,
        )
        return WebhookDesk(access, lambda: HttpSender(rules, trusted))

    @cached_property
    def hook_inbox(self) -> HookInbox:
        """The messages of programs outside, which `[hook_sources.ID]` of the settings name."""
        from ticketlog.application.incoming_hooks import HookInbox

        def record(command: Command, on: str, id: str, actor: Actor) -> Outcome:
            given = {"actor": actor, "channel": "webhook", "internal": True}
            now = self._clock()
            made = request(command, on, id=id, received_at=now, occurred_at=None, **given)  # type: ignore[arg-type]
            return self._executor.execute(made)

        def refused(source: str, why: Refused, times: int) -> None:
            asked = {"source": source}
            given: dict[str, Any] = {"times": times, "channel": "webhook", "asked": asked}
            self.access_log.refused(NOBODY, "hooks.receive", why, **given)

        return HookInbox(
            self._settings.in_force,
            self._repository.load,
            self._attachments,
            self.execute,
            record,
            self._clock,
            self.folder,
            refused,
        )

    def webhooks_worker(self) -> Worker | None:
        """The worker that delivers events to endpoints; None: another machine does."""
        if not self.config.webhooks.deliver:
            return None
        found = self.webhooks().deliverer()
        given: dict[str, Any] = {"troubles": found.troubles, "deliveries": found.counts}
        return Worker("webhooks", found.run, found.last_pass_at, **given)

    def publish_worker(self) -> Worker | None:
        """The worker that keeps the public topic up, where the desk publishes. Raises Usage."""
        if self.publish_url is None:
            return None
        found = self.publisher()
        return Worker("publisher", found.run, found.last_pass_at, found.positions, found.troubles)

    @property
    def access(self) -> Access:
        """The rights and the sight of every actor, and what is recorded of reads."""
        return self._access

    def viewer(self, actor: Actor | None) -> Viewer:
        """The rights and the sight of an actor, as of now. None: the operator. Raises
        Forbidden for an actor who isn't known."""
        return self._access.viewer(actor)

    def load(self, stream: str, *, actor: Actor | None = None) -> Any:
        """The state of a stream ('ticket/ID', 'person/ID', ...); `exists` says whether it is
        there. `actor`: who reads; a stream that isn't for them is like one that isn't there. Raises
        Usage for a kind of stream that no desk has, Forbidden for an unknown actor."""
        return self._reads.load(stream_name(stream), actor)

    def numbered(self, number: str) -> str:
        """The stream of the ticket that another system knows as 'SOURCE:NUMBER': that of an
        imported case, or the newest one that has the number. Of what was withdrawn, the last.
        Raises NotFound."""
        from ticketlog.importing.case import latest
        from ticketlog.projections.views.tickets import NumberedTickets

        source, _, case = number.partition(":")
        found = latest(self.log, source, case)
        if found is None or self.load(found).withdrawn:
            ids = self.query(NumberedTickets(number=number))
            found = f"{TICKET}/{ids[0]}" if ids else found
        if found is None:
            raise NotFound(f"no ticket is known as {number!r}; `ticketlog search` finds numbers")
        return found

    def history(self, ticket: str, *, actor: Actor | None = None) -> list[Recorded]:
        """Everything that happened to a ticket ('ID'), or to another stream ('KIND/ID'), in
        order. What was redacted is hidden. `actor`: who reads; as for `load`."""
        return self._reads.history(stream_name(ticket), actor)

    def subscribe(
        self,
        start: Sequence[int] | None = None,
        follow: bool = True,
        *,
        actor: Actor | None = None,
    ) -> Iterator[Recorded]:
        """Accepted events in the log's order per partition, from the offsets in `start`, or from
        the beginning. With `follow` it waits for more until the desk is closed. `actor`: who
        reads; what isn't for them is left out."""
        found = reading.follow(self.log, start, live=follow, stopped=self._stopped.is_set)
        return self.as_read(found, actor=actor)

    def as_read(self, events: Iterable[Recorded], *, actor: Actor | None) -> Iterator[Recorded]:
        """Events of the log as far as an actor reads them; that they read what is restricted is
        recorded. Raises Forbidden."""
        return self._reads.events(events, actor)

    @property
    def feed(self) -> Feed:
        """The feed: what happened since a position, as a viewer may see it."""
        from ticketlog.application.feed import Feed

        tickets, settings, access = self._logs
        return Feed(tickets, settings, access, self._access)

    def at(
        self,
        *,
        recorded: int | str | None = None,
        position: Cut | str | None = None,
        occurred: int | str | None = None,
        basis: int | str = "was",
    ) -> Past:
        """The desk at a moment: by time of recording, by position (a record 'P:OFFSET', or a cut
        as reports print it), or by business time. Times are instants or ISO texts.

        `basis`: under which settings promises count. 'was': those that each commit was decided
        under, as recorded. 'now', or the position where settings came into force: recomputed as
        if they had always been in force (`ticket.sla.recomputation`); without a moment, of all
        that was recorded until now.

        Raises Usage for a moment that can't be read or that the log hasn't come to, and for a
        basis that is none.
        """
        from ticketlog.application.as_of import Cuts, Past, Sources, under
        from ticketlog.projections.engine.moment import Occurred

        given = [each for each in (recorded, position, occurred) if each is not None]
        if len(given) > 1 or (not given and basis == "was"):
            raise Usage("name one moment: recorded, position or occurred")
        cuts = Cuts(self._logs)
        moment: Moment
        if occurred is not None:
            moment = Occurred(_instant(occurred))
        elif recorded is not None:
            moment = cuts.at(_instant(recorded))
        else:
            moment = cuts.named(position) if position is not None else cuts.now()
        sources = Sources(
            self.history, self._settings, self.views, self._logs, self._access, self._reads
        )
        return Past(moment, sources, under(basis, self._settings))

    def cut(self) -> Cut:
        """The ends of the logs of tickets and settings, as `at(position=...)` takes them to look
        back at this moment."""
        from ticketlog.application.as_of import Cuts

        return Cuts(self._logs).now()

    def position(self, start: str | None) -> tuple[int, ...] | None:
        """The offsets from which `subscribe` begins at a record 'P:OFFSET' (in the other
        partitions: behind what was recorded by then), or behind a cut. Raises Usage."""
        from ticketlog.application.as_of import Cuts

        return None if start is None else Cuts(self._logs).start(start)

    def log_range(self, start: str, end: str | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The offsets between two places: from `start` on, to behind `end`. Each is an ISO time, or
        a position as `position` takes it; None: now. Raises Usage."""
        from ticketlog.application.as_of import Cuts

        cuts = Cuts(self._logs)
        self.log.sync()
        starts = cuts.at(_instant(start) - 1).ends if "T" in start else cuts.start(start)
        if end is None:
            ends = tuple(self.log.ends())
        else:
            ends = cuts.at(_instant(end)).ends if "T" in end else cuts.named(end).ends
        starts = tuple(max(each, 1) for each in starts)
        return starts, tuple(map(max, starts, ends))

    def status(self) -> DeskStatus:
        """The status of the desk: sizes, the positions of its index and views, lags and troubles.
        Raises Unreachable or Damaged where its log can't be read."""
        from ticketlog.application.status import status

        views, settings = (lambda: self.views), self._settings.in_force
        return status(self._logs, self.config, views, settings, self._clock())

    def log_stat(self) -> LogStat:
        """The sizes of each partition of every log."""
        from ticketlog.application.status import log_stat

        return log_stat(self._logs)

    def log_export(self, *, actor: Actor | None = None) -> Iterator[bytes]:
        """The logs as JSON lines, byte for byte, with a digest in the last line; attachments'
        bytes aren't among them. `restore_desk` makes the same desk of them. `actor`: who takes
        them. Raises Forbidden."""
        if actor is not None:
            self._access.check(actor, rights.EXPORT)
            self._access.exported(actor, "log.export", cut=str(self.cut()))
        return export_lines(self._logs.written(), simulation=self.config.simulation)

    def log_verify(self) -> LogVerified:
        """The problems of the logs: every record is read and judged again, and each position of a
        view is compared with the record that is there."""
        from ticketlog.application.status import log_verified

        return log_verified(self._logs, self.views)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings.in_force()

    def settings_apply(
        self,
        file: bytes | str,
        *,
        actor: Actor,
        reason: str | None = None,
        id: str | None = None,
        folder: Path | None = None,
        moves: Mapping[tuple[str, str], str] | None = None,
        strand: bool = False,
    ) -> AppliedSettings:
        """Puts the content of a settings file in force; only differences are recorded. `folder` is
        where the file lies, for the iCal files that it names.

        Where it takes away a status, team, category, product or priority that active tickets have,
        `moves` says where they go ((kind, old) -> new, of `settings_removal.KINDS`; each a commit
        by the same actor, and applied again it goes on where it stopped), as `[moves]` in the file
        does, or `strand` that they stay; else it is refused. What else is still in use is told
        (`kept`).

        Raises Usage, Invalid, CommandReused, Conflict, Unreachable, Damaged.
        """
        id = new_id() if id is None else id
        _check_envelope(id, "settings", actor)
        with self._recording(actor, rights.APPLY):
            self.check_scope(actor, rights.APPLY)
        why = _said("the reason", reason)
        try:
            plan = self._planned(file, actor, folder, moves)
            if not strand:
                settings_removal.check(plan)
        except Refused:
            self.check_right(actor, rights.APPLY)  # the refusal tells of tickets and persons
            raise
        by = settings_removal.Moving(actor, why)
        early, late = settings_removal.in_turn(plan.moves, self.settings)
        if early:
            self.check_right(actor, rights.APPLY)
        first = settings_removal.move(self, early, by)
        with self._recording(actor, rights.APPLY):
            done = self._settings.apply(file, id=id, actor=actor, reason=why, folder=folder)
        then = settings_removal.move(self, late, by)
        return done._replace(
            moved=tuple(dict.fromkeys((*first.moved, *then.moved))),
            stayed={**first.stayed, **then.stayed},
            warnings=plan.warnings,
            kept=tuple(str(each) for each in plan.used if each.keeps and not plan.goes(each)),
        )

    def settings_check(
        self,
        file: bytes | str,
        *,
        actor: Actor,
        folder: Path | None = None,
        moves: Mapping[tuple[str, str], str] | None = None,
    ) -> settings_removal.SettingsPlan:
        """The changes that `settings_apply` would make. Nothing is recorded. Raises Usage, Invalid,
        Forbidden, Unreachable, Damaged."""
        self.check_right(actor, rights.APPLY)
        return self._planned(file, actor, folder, moves)

    def _planned(
        self,
        file: bytes | str,
        actor: Actor,
        folder: Path | None,
        moves: Mapping[tuple[str, str], str] | None,
    ) -> settings_removal.SettingsPlan:
        desired = parser.parse(file, folder)
        self._check_persons(desired)
        said = parser.moves(file, settings_removal.KINDS)
        planned = self._settings.planned(desired, parser.digest(file), actor)
        warnings = (*_secrets(desired), *self._webhook_warnings(desired))
        return settings_removal.plan(self, planned, {**said, **(moves or {})}, warnings)

    def _webhook_warnings(self, desired: Desired) -> tuple[str, ...]:
        webhooks, sources = desired.get("webhook", {}), desired.get("hook-source", {})
        if not (webhooks or sources):
            return ()
        from ticketlog.process_managers.webhooks.administration import warnings

        return tuple(warnings(webhooks, sources, self.folder, self.config.webhooks.allow))

    def _check_persons(self, desired: Desired) -> None:
        """Raises Invalid where an agent is newly said to be a person whom nobody registered."""
        for id, agent in desired.get(AGENT, {}).items():
            person, known = getattr(agent, "person", None), self.settings.agents.get(id)
            if person is None or (known and known.person == person):
                continue
            if not self.load(f"{PERSON}/{person}").exists:
                raise Invalid(
                    f"[agents.{id}] person {person} is not known: `ticketlog person register NAME` "
                    "registers them, and says their id"
                )

    def _apply_own_settings(self, file: bytes | str, reason: str) -> None:
        """Puts settings in force that the desk itself brings along."""
        self._settings.apply(file, id=new_id(), actor=SERVICE, reason=reason, internal=True)

    def may(self, actor: Actor, command: type[Command] | str, on: str | None = None) -> bool:
        """Whether the actor may send a command to a stream ('ticket/ID', ...), or do an act of
        `domain.rights.ACTS`. What the command itself refuses is another question."""
        try:
            self._check_right(actor, command if isinstance(command, str) else command.NAME, on)
        except Forbidden:
            return False
        return True

    def check_scope(self, actor: Actor | None, right: str) -> None:
        """Raises Forbidden for a right that isn't in the scope of the token that the actor came
        with: the name of a command or an act, 'query:NAME', 'report:NAME'."""
        stream = None if actor is None else token_of(actor)
        if stream is not None:
            check_scope(right, self.load_account(stream))

    def check_right(
        self, actor: Actor, command: type[Command] | str, on: str | None = None
    ) -> None:
        """Raises Forbidden where the actor may not send the command to the stream, or not do the
        act; it is recorded."""
        name = command if isinstance(command, str) else command.NAME
        with self._recording(actor, name, on):
            self._check_right(actor, name, on)

    @contextmanager
    def _recording(self, actor: Actor, right: str, on: str | None = None) -> Iterator[None]:
        """A span in which a Forbidden is recorded before it is told."""
        try:
            yield
        except Forbidden as error:
            self._access.refused(actor, right, error, () if on is None else (stream_name(on),))
            raise

    def _check_right(self, actor: Actor, name: str, on: str | None) -> None:
        """The same without a record: it is asked, and not attempted."""
        self.check_scope(actor, name)
        load = self._repository.load
        if name == rights.APPLY:
            rights.check_applies(actor, self.settings, load)
        elif name in rights.ACTS:
            rights.check_act(name, actor, self.settings, load)
        else:
            stream = None if on is None else stream_name(on)
            right = RIGHTS.get(name, rights.Right(name))
            rights.check_sends(right, stream, actor, self.settings, load)

    def check_may_ask(self, actor: Actor, right: str) -> None:
        """Raises Forbidden, which is recorded, where an actor hasn't a right ('query:settings')."""
        self._access.check(actor, right)

    def settings_history(self) -> list[Recorded]:
        """The changes of the settings, in order."""
        return self._settings.history()

    def import_file(
        self,
        file: str | os.PathLike[str],
        mapping: str | os.PathLike[str],
        *,
        actor: Actor = SERVICE,
        on_progress: Callable[[Any], None] | None = None,
    ) -> ImportReport:
        """Records the histories in a file as the mapping says (docs/IMPORT.md). The same file
        imported again adds nothing. `on_progress` gets `ImportProgress` now and then.

        Raises Refused where the actor may not, or for a file that looks wrong beside the desk;
        Usage, Conflict, Unreachable, Damaged.
        """
        from ticketlog.importing import Journal, import_file, keep_secret, load_mapping, secret

        path, loaded = Path(file), load_mapping(Path(mapping))
        if actor != SERVICE:
            self.check_right(actor, "import")
        return import_file(
            self.log,
            self.settings,
            path,
            loaded,
            on_progress=on_progress,
            writer=self._writer,
            journal=Journal(self._import_command, self.load, actor, path, loaded),
            attachments=self._attachments,
            secret=secret(self.load),
            keep_secret=lambda made: keep_secret(made, self._import_command, self.load, actor),
            holders=self._known_by,
        )

    def check_import(
        self,
        file: str | os.PathLike[str],
        mapping: str | os.PathLike[str],
        *,
        on_progress: Callable[[Any], None] | None = None,
    ) -> ImportReport:
        """The report that importing the file would give, with the reasons to refuse it
        (`refusals`). Nothing is recorded. Raises Usage, Unreachable, Damaged."""
        from ticketlog.importing import check_file, load_mapping, secret

        path, loaded = Path(file), load_mapping(Path(mapping))
        given: dict[str, Any] = {"secret": secret(self.load), "holders": self._known_by}
        return check_file(self.log, self.settings, path, loaded, on_progress=on_progress, **given)

    def withdraw_import(
        self,
        source: str,
        *,
        reason: str,
        actor: Actor,
        batch: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> WithdrawnTickets:
        """Takes the tickets that a source has made, or one batch of it, out of every view and
        report from now on; as of before it they are shown. Interrupted, it goes on where it
        stopped. Raises Refused, Conflict, Unreachable, Damaged."""
        from ticketlog.importing.withdrawing import Withdrawing, withdraw

        send, load = self._import_command, self.load
        desk = Withdrawing(self.log, self.settings, send, load, self._writer)
        given: dict[str, Any] = {"batch": batch, "reason": reason, "actor": actor}
        return withdraw(desk, source, on_progress=on_progress, **given)

    def imports(self) -> list[tuple[str, Imports]]:
        """Every source that something was imported from, with its imports and withdrawals."""
        from ticketlog.importing.withdrawing import listed

        self.log.sync()
        return sorted(listed(self.log), key=lambda each: each[0])

    def _import_command(self, command: Command, *, on: str, actor: Actor) -> Outcome:
        """The journal of an import is kept by who imports, or by the desk itself."""
        internal = actor == SERVICE
        now, given = self._clock(), {"actor": actor, "channel": "import", "internal": internal}
        made = request(command, on, id=new_id(), received_at=now, occurred_at=None, **given)  # type: ignore[arg-type]
        return self._executor.execute(made)

    def simulate(
        self, *, tickets: int, seed: int, on_progress: Callable[[Simulated], None] | None = None
    ) -> Simulated:
        """Records the work of a simulated help desk, under settings of its own, which it applies.
        The same simulation adds nothing twice.

        Raises Conflict in a desk with a history of its own, Unreachable, Damaged.
        """
        from ticketlog.demo.files import FILES
        from ticketlog.demo.recorder import check_room, record
        from ticketlog.demo.simulation import rules_text, settings_text, simulate

        check_room(self.log, next(simulate(seed, tickets)))
        for file in FILES:
            self._attachments.add(file.content)
        why = "the settings of the simulated help desk"
        self._apply_own_settings(f"{settings_text()}\n{rules_text()}", why)
        steps = simulate(seed, tickets, settings=self.settings)
        return record(self.log, steps, self._writer, on_progress)

    def attach_file(
        self,
        ticket: str,
        content: bytes | Path | Stored,
        *,
        actor: Actor,
        name: str | None = None,
        media_type: str | None = None,
        comment: str | None = None,
        **sending: Any,
    ) -> Outcome:
        """Keeps a file, or takes one that is kept (`incoming_attachment`), and attaches it to a
        ticket; `comment` is the id of the comment that it came with. Further arguments are those
        of `execute`.

        Raises Usage for a file that can't be read and for a name, a type or an id that none has,
        and what `execute` raises.
        """
        stream = stream_name(ticket)
        if not self.load(stream).exists:
            raise NotFound(f"{stream} doesn't exist: nothing was attached")
        name = name or (content.name if isinstance(content, Path) else "attachment")
        name = name.encode("utf-8", "replace").decode()
        stored = content if isinstance(content, Stored) else self._attachments.add(content)
        try:
            command = Attach(
                name=name,
                media_type=media_type or guess_type(name)[0] or "application/octet-stream",
                size=stored.size,
                sha256=stored.sha256,
                comment=comment,
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            said = f"{first['loc'][0]} {first['input']!r}: {why}"
            raise Usage(f"{said}; nothing was attached") from error
        return self.execute(command, on=stream, actor=actor, **sending)

    def incoming_attachment(self) -> AbstractContextManager[IncomingAttachment]:
        """A file that comes piece by piece, for `attach_file`. Raises Unreachable where it can't
        be written."""
        return self._attachments.incoming()

    def attachment(
        self, ticket: str, id: str, *, actor: Actor | None = None
    ) -> tuple[AttachmentAdded, BinaryIO]:
        """An attachment's facts and its bytes, checked against their hash; the caller closes them.
        `actor`: who reads.

        Raises NotFound where there is none of that id or where it was redacted, Damaged.
        """
        stream = stream_name(ticket)
        for recorded in self._reads.history(stream, actor, "query:attachment"):
            if recorded.id == id and isinstance(recorded.event, AttachmentAdded):
                if recorded.event.sha256 == reading.NO_HASH:
                    raise NotFound(f"attachment {id} of {stream_name(ticket)} was redacted")
                return recorded.event, self._attachments.open(recorded.event.sha256)
        raise NotFound(
            f"{stream_name(ticket)} has no attachment {id}; `ticketlog ticket show` lists them"
        )


def _check_envelope(id: str, channel: str, actor: Actor) -> None:
    """Ids, channels and actors are printable and short, since events and records hold them."""
    for what, text in (("the command's id", id), ("the channel", channel), ("the actor", actor.id)):
        if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
            raise Usage(
                f"{what}, {text[:_LONGEST]!r}, must be 1 to {_LONGEST} printable characters"
            )


def _said(what: str, said: str | None) -> str | None:
    """A text that a sender states beside a command, made fit. Raises Usage for one that is blank or
    can't be seen."""
    if said is None:
        return None
    try:
        fit = lines(said)
    except ValueError as error:
        raise Usage(f"{what}: {error}") from None
    if blank(fit):
        raise Usage(f"{what} says nothing that anybody could read: say it, or leave it out")
    return fit


def _secrets(desired: Desired) -> tuple[str, ...]:
    return tuple(
        line
        for kind, things in desired.items()
        for id, value in things.items()
        for line in suspicious(value.model_dump(mode="json"), f"{kind} {id}")
    )


def _instant(moment: int | str) -> int:
    if isinstance(moment, int):
        return moment
    try:
        return instant(moment)
    except ValueError as error:
        raise Usage(f"{moment!r} is no time: {error}") from error


def _log_failure(worker: Worker, error: Exception, pause: float) -> None:
    logging.getLogger("ticketlog").error(
        "the %s worker fails, and is tried again in %s s: %s", worker.name, pause, error
    )


def _now() -> int:
    return time.time_ns() // 1000
