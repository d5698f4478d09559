"""A webhook's endpoint at work: whether it is paused or given up, and the replays that were asked
for. Streams `webhook/ID`; the settings say what the endpoint is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    NotFound,
    Recorded,
    Refused,
    Unseen,
)
from ticketlog.domain.parties.party import Party, after
from ticketlog.domain.rights import SELF
from ticketlog.domain.ticket.automation import NotificationDecided

KIND = "webhook"
KEPT_REPLAYS = 20
"""Ended replays that are remembered."""
OUTBOX = "log"
"""The outbox that tells the owner, where the settings name none."""
_ADMIN = frozenset({"admin"})
_Number = Annotated[int, Field(ge=0)]
GivenUp = Literal["gone", "unanswered"]


class WebhookPaused(Event):
    """Nothing is sent to the endpoint from here on; what happens waits in the log."""

    NAME: ClassVar[str] = "webhook.paused.v1"
    ASPECT: ClassVar[str] = "delivery"


class WebhookResumed(Event):
    """The endpoint gets events again, from where it was."""

    NAME: ClassVar[str] = "webhook.resumed.v1"
    ASPECT: ClassVar[str] = "delivery"


class WebhookDisabled(Event):
    """The endpoint was given up: it said that it is gone (410), or took nothing for days. What
    happens waits in the log until it is resumed."""

    NAME: ClassVar[str] = "webhook.disabled.v1"
    ASPECT: ClassVar[str] = "delivery"
    why: GivenUp
    event: Key | None = None
    """The event that it was sent last."""


class ReplayAsked(Event):
    """The events from one place of the log to another are to be sent again, with the ids and bodies
    that they had: of each partition from the record `starts` to before the record `ends`."""

    NAME: ClassVar[str] = "webhook.replay-asked.v1"
    ASPECT: ClassVar[str] = "replays"
    replay: Key
    starts: tuple[_Number, ...]
    ends: tuple[_Number, ...]


class ReplayEnded(Event):
    """All of the replay was sent. `cancelled`: the rest of it is not."""

    NAME: ClassVar[str] = "webhook.replay-ended.v1"
    ASPECT: ClassVar[str] = "replays"
    replay: Key
    cancelled: bool = False


EVENTS: tuple[type[Event], ...] = (
    WebhookPaused,
    WebhookResumed,
    WebhookDisabled,
    ReplayAsked,
    ReplayEnded,
)


class Replay(NamedTuple):
    """A replay; `ended` is None while it is under way."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    asked_at: int
    ended_at: int | None = None
    cancelled: bool = False


class Disabled(NamedTuple):
    """The end of an endpoint's deliveries: why, at which event, since when."""

    why: str
    event: str | None
    at: int


@dataclass(frozen=True)
class WebhookEndpoint(Party):
    """An endpoint after event number `version` of its stream."""

    paused: bool = False
    disabled: Disabled | None = None
    resumed_at: int | None = None
    """When it was last resumed; None: never."""
    replays: Mapping[str, Replay] = field(default_factory=dict)
    asked: int = 0
    """Replays that were ever asked for."""

    CODE: ClassVar[int] = 2

    @property
    def under_way(self) -> Mapping[str, Replay]:
        """The replays that aren't ended."""
        return {id: each for id, each in self.replays.items() if each.ended_at is None}


def initial(id: str) -> WebhookEndpoint:
    """An endpoint about which nothing is recorded; `id` is the part after 'webhook/'."""
    return WebhookEndpoint(id=id)


def evolve(endpoint: WebhookEndpoint, recorded: Recorded) -> WebhookEndpoint:
    """The endpoint after one more event. Never fails; foreign events change nothing."""
    return endpoint.but(after(endpoint, recorded, _changes(endpoint, recorded)))


def _changes(endpoint: WebhookEndpoint, recorded: Recorded) -> dict[str, Any]:
    replays, at = endpoint.replays, recorded.meta.recorded_at
    match recorded.event:
        case WebhookPaused():
            return {"paused": True}
        case WebhookResumed():
            return {"paused": False, "disabled": None, "resumed_at": at}
        case WebhookDisabled(why=why, event=event):
            return {"disabled": Disabled(why, event, at)}
        case ReplayAsked(replay=id, starts=starts, ends=ends):
            asked = Replay(starts, ends, at)
            return {"replays": {**_remembered(replays), id: asked}, "asked": endpoint.asked + 1}
        case ReplayEnded(replay=id, cancelled=cancelled) if id in replays:
            ended = replays[id]._replace(ended_at=at, cancelled=cancelled)
            return {"replays": {**replays, id: ended}}
    return {}


def _remembered(replays: Mapping[str, Replay]) -> dict[str, Replay]:
    over = [id for id, each in replays.items() if each.ended_at is not None]
    forgotten = set(over[: -(KEPT_REPLAYS - 1)])
    return {id: each for id, each in replays.items() if id not in forgotten}


class PauseWebhook(Command):
    NAME: ClassVar[str] = "webhook.pause"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"delivery"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=_ADMIN,
        help="Send an endpoint nothing for now.",
        more="What happens meanwhile waits in the log, and is sent when it is resumed.",
        examples=("ticketlog webhook pause crm --reason 'they move house'",),
    )


class ResumeWebhook(Command):
    NAME: ClassVar[str] = "webhook.resume"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"delivery"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=_ADMIN,
        help="Go on sending to an endpoint that was paused or given up, from where it was.",
        examples=("ticketlog webhook resume crm",),
    )


class ReplayWebhook(Command):
    """Asks for a replay; the places are those of `ReplayAsked`."""

    NAME: ClassVar[str] = "webhook.replay"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_ADMIN)
    starts: tuple[_Number, ...]
    ends: tuple[_Number, ...]


class CancelReplay(Command):
    """Ends a replay before all of it was sent."""

    NAME: ClassVar[str] = "webhook.cancel-replay"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=_ADMIN,
        help="End a replay before all of it was sent.",
        examples=("ticketlog webhook cancel-replay crm 2",),
        positional=("replay",),
    )
    replay: Key


class DisableWebhook(Command):
    """Gives an endpoint up."""

    NAME: ClassVar[str] = "webhook.disable"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    why: GivenUp
    event: Key | None = None


class EndReplay(Command):
    """Says that all of a replay was sent."""

    NAME: ClassVar[str] = "webhook.end-replay"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    replay: Key


COMMANDS: tuple[type[Command], ...] = (
    PauseWebhook,
    ResumeWebhook,
    ReplayWebhook,
    CancelReplay,
    DisableWebhook,
    EndReplay,
)


def decide(command: Command, endpoint: WebhookEndpoint, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Refused."""
    match command:
        case EndReplay(replay=id):
            return [ReplayEnded(replay=id)] if id in endpoint.under_way else []
        case DisableWebhook():
            return _disable(command, endpoint, context)
    known = context.settings.webhooks
    if endpoint.id not in known:
        raise NotFound(
            f"there is no webhook {endpoint.id}; there are {', '.join(sorted(known)) or 'none'}. "
            f"[webhooks.{endpoint.id}] in a settings file makes one",
            webhook=endpoint.id,
        )
    match command:
        case PauseWebhook():
            return [] if endpoint.paused else [WebhookPaused()]
        case ResumeWebhook():
            return _resume(endpoint, context)
        case ReplayWebhook(starts=starts, ends=ends):
            return [ReplayAsked(replay=str(endpoint.asked + 1), starts=starts, ends=ends)]
        case CancelReplay(replay=id):
            return _cancel(id, endpoint)
    return []


def _resume(endpoint: WebhookEndpoint, context: Context) -> list[Event]:
    if context.settings.webhooks[endpoint.id].paused:
        raise Refused(
            f"webhook {endpoint.id} is paused by the settings: take `paused` out of "
            f"[webhooks.{endpoint.id}] and apply the file",
            webhook=endpoint.id,
        )
    return [WebhookResumed()] if endpoint.paused or endpoint.disabled else []


def _cancel(id: str, endpoint: WebhookEndpoint) -> list[Event]:
    if id not in endpoint.replays:
        known = ", ".join(endpoint.replays) or "none"
        raise NotFound(
            f"webhook {endpoint.id} has no replay {id}; it has {known}", webhook=endpoint.id
        )
    return [ReplayEnded(replay=id, cancelled=True)] if id in endpoint.under_way else []


def _disable(command: DisableWebhook, endpoint: WebhookEndpoint, context: Context) -> list[Event]:
    if endpoint.disabled is not None:
        return []
    events: list[Event] = [WebhookDisabled(why=command.why, event=command.event)]
    webhook = context.settings.webhooks.get(endpoint.id)
    if webhook is not None and webhook.owner is not None:
        events.append(
            NotificationDecided(
                rule=f"{KIND}/{endpoint.id}",
                occasion="webhook-disabled",
                of=f"{context.command_id}.0",
                outbox=webhook.outbox or OUTBOX,
                template=f"webhook-{command.why}",
                to=(f"agent/{webhook.owner}",),
            )
        )
    return events


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `webhook/ID` of the ticket log: endpoints at work.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    of_actor="service",
    public=False,
)
