"""A party: the state and the locale that persons, organisations and agents have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, StringConstraints

from ticketlog.domain.base import Command, Context, Event, Key, Recorded, Stale, State

LocaleAttribute = Literal["language", "country", "zone"]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone; write it as in the IANA database: Europe/Berlin"
        ) from None
    return name


Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
"""A language tag (BCP 47): 'de', 'pt-BR'."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""A country (ISO 3166-1 alpha-2): 'DE'."""
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
"""A time zone by its IANA name. Commands check it; events hold it as it was then."""


@dataclass(frozen=True)
class Party(State):
    """The part of a state that every event moves on. `version` is -1 where nothing is recorded."""

    id: str = ""
    version: int = -1
    clock: int = 0
    """The stream's business time: the latest `occurred_at` so far."""
    changed: Mapping[str, int] = field(default_factory=dict)
    """Aspect -> version of its last change."""

    @property
    def exists(self) -> bool:
        return self.version >= 0


class LocaleChanged(Event):
    """The fields that all changes of language, country and time zone have in common."""

    ASPECT: ClassVar[str] = "locale"
    attribute: LocaleAttribute
    old: Key | None = None
    new: Key


class SetLocale(Command):
    """Sets language, country or time zone; what is None stays."""

    TOUCHES: ClassVar[frozenset[str]] = frozenset({"locale"})
    language: Language | None = None
    country: Country | None = None
    zone: Zone | None = None


_LOCALE: tuple[LocaleAttribute, ...] = ("language", "country", "zone")


def relocated(
    command: SetLocale, party: Party
) -> Iterator[tuple[LocaleAttribute, str | None, str]]:
    """The attributes that the command changes, each with its old and its new value."""
    for attribute in _LOCALE:
        old, new = getattr(party, attribute), getattr(command, attribute)
        if new is not None and new != old:
            yield attribute, old, new


def after(party: Party, recorded: Recorded, changes: dict[str, Any]) -> dict[str, Any]:
    """`changes`, and what the event changes of every Party."""
    return changes | {
        "version": recorded.originator_version,
        "clock": max(party.clock, recorded.meta.occurred_at),
        "changed": {**party.changed, recorded.event.ASPECT: recorded.originator_version},
    }


def check_seen(command: Command, party: Party, context: Context) -> None:
    """Raises Stale where the sender named the version they saw, and what the command touches
    has changed since."""
    if context.seen is None:
        return
    late = sorted(
        aspect for aspect in command.touched() if party.changed.get(aspect, -1) > context.seen
    )
    if late:
        raise Stale(
            f"{context.stream} is at version {party.version}, and {', '.join(late)} changed after "
            f"version {context.seen} that you saw: look at it again, then repeat the command",
            aspects=tuple(late),
            version=party.version,
        )
