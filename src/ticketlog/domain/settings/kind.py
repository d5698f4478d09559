"""A kind of settings: the name of its streams, its table, its value and the event of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import Field

from ticketlog.domain.base import Event, Value
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import Rule

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SettingChanged(Event):
    """A change of settings; `new` None: the thing was removed."""

    file_sha256: Sha256
    """The digest of the settings file that says so."""

    @classmethod
    def of(cls, id: str, old: Any, new: Any, file_sha256: str) -> Self:
        """The change of the thing `id` from one value to another."""
        return cls.model_validate({"old": old, "new": new, "file_sha256": file_sha256})

    def before(self) -> Value | None:
        """The whole value that was in force."""
        value: Value | None = getattr(self, "old", None)
        return value

    def after(self) -> Value | None:
        """The whole value that is to be in force."""
        value: Value | None = getattr(self, "new", None)
        return value


@dataclass(frozen=True)
class SettingKind:
    """A kind of settings: its streams' kind, its table in files, its value and its event."""

    name: str
    table: str
    value: type[Value]
    event: type[SettingChanged]
    unsaid: Mapping[str, Any] = field(default_factory=dict)
    """Keys that a file may leave out although records hold them, with their values."""
    single: bool = False
    """There is one thing of the kind, and its table is the thing."""

    def held(self, settings: Settings) -> Mapping[str, Any]:
        """The things of this kind that settings hold, by id."""
        found: Any = getattr(settings, self.table)
        if self.single:
            return {} if found is None else {found.id: found}
        things: Mapping[str, Any] = found
        return things


@dataclass(frozen=True)
class RuleKind(SettingKind):
    """A kind of the rules by which a desk acts by itself."""

    value: type[Rule]
    unsaid: Mapping[str, Any] = field(default_factory=lambda: {"when": {}})

    @property
    def word(self) -> str:
        """Its name in reports: 'routing' of 'routing-rule'."""
        return self.name.removesuffix("-rule")

    def held(self, settings: Settings) -> Mapping[str, Any]:
        return settings.rules_of(self.value)
