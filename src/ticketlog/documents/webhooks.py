"""Webhooks: endpoints that get events, their deliveries, and messages from outside."""

from __future__ import annotations

from ticketlog.documents.base import (
    At,
    Bytes,
    Count,
    Digest,
    Document,
    Id,
    Number,
    Offset,
    Seconds,
    Text,
    Word,
)
from ticketlog.documents.policies import ParkedEvent


class WebhookReplay(Document):
    """A replay that was asked for: the records of each partition from `starts` to before `ends`."""

    replay: Id
    starts: list[Offset]
    ends: list[Offset]
    asked_at: At
    ended_at: At | None
    """Null while it is under way."""
    cancelled: bool


class WebhookState(Document):
    """An endpoint, and how far it is."""

    webhook: Id
    title: Text | None
    url: Text
    types: list[Word]
    """None: all that other services may see."""
    conditions: Text
    body: Word
    scheme: Word
    secrets: list[Text]
    """Where each of them is, never the secret."""
    reads_as: Id
    owner: Id | None
    state: Word
    """active, paused or disabled."""
    why: Text | None
    """The reason, where it isn't active."""
    positions: list[Offset | None]
    """The next record of each partition; null: it hasn't begun."""
    behind: Count
    """Records of the log that it hasn't come to."""
    held_back: Count
    """Tickets and other streams of which a delivery has failed, and is tried again."""
    given_up: list[ParkedEvent]
    """Events that it didn't take in all their attempts."""
    replays: list[WebhookReplay]


class WebhookList(Document):
    """All endpoints."""

    webhooks: list[WebhookState]


class WebhookDelivery(Document):
    """One attempt to deliver an event."""

    at: At
    id: Id
    """That of the delivery, as the receiver sees it."""
    event: Id
    type: Word
    stream: Id
    attempt: Number
    status: Number | None
    """Of the answer; null: there was none."""
    took_seconds: Seconds
    error: Text | None
    """The reason for which there was no answer, or none that counts."""
    answer: Text | None
    """The beginning of an answer that wasn't a success."""
    replay: Id | None


class WebhookDeliveries(Document):
    """The last deliveries to an endpoint, the latest first."""

    webhook: Id
    deliveries: list[WebhookDelivery]


class HookMessageResult(Document):
    """The result of a command that was made of a message."""

    command: Word
    outcome: Word
    """done, refused or unfit."""
    stream: Id | None
    said: Text | None
    """The reason, where it wasn't done."""


class HookMessageFacts(Document):
    """The part of a message from outside that every document of it has."""

    message: Id
    """The stream's id."""
    source: Id
    id: Text
    """The message's id, as its sender has it."""
    received_at: At
    sha256: Digest
    """Of its bytes, which are kept."""
    size: Bytes
    outcome: Word
    """done, refused (some of it), unmatched (the settings make nothing of it) or received (not
    handled yet)."""


class HookMessageTaken(HookMessageFacts):
    """A message from outside, and what became of it."""

    repeated: bool
    """It had come before, and this is its first answer."""
    results: list[HookMessageResult]
