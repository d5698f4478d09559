"""Changes of settings: one stream for each thing in the settings log, and batches put in force.

A settings file is one batch: a commit for each thing that it changes, then an activation on
`settings/active`. Each event names the file's digest, and an activation puts in force what is
pending from the same file only. So a batch that was cut off is never in force: applying its file
again finishes it, and another file passes it by. The activation's commit expects the version of
`settings/active` that its batch was made from, so of two batches made side by side one is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain.base import Actor, Event, Invalid, Recorded, Value, kind_and_id
from ticketlog.domain.rights import admins, is_admin
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.domain.settings.events import KINDS, SettingsActivated
from ticketlog.domain.settings.kind import RuleKind, SettingChanged
from ticketlog.domain.settings.model import Agent, Settings, Team
from ticketlog.domain.settings.validation import broken

ACTIVE = "settings/active"
Desired: TypeAlias = Mapping[str, Mapping[str, Value]]
"""Kind -> id -> value, as a settings file wants it. A kind that is named is complete: what it
doesn't hold is to be removed. Of kinds that aren't named everything stays."""


class Change(NamedTuple):
    """A change of a thing, and which of the events of its stream it is, from 1."""

    event: SettingChanged
    version: int


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Compiled:
    """The state of the settings log up to a position."""

    in_force: Settings = field(default_factory=Settings)
    things: Mapping[str, Value] = field(default_factory=_nothing)
    """The values in force, by stream."""
    former: Mapping[str, Value] = field(default_factory=_nothing)
    """The last value of everything that ever was in force, by stream."""
    pending: Mapping[str, Mapping[str, Change]] = field(default_factory=_nothing)
    """Changes that aren't in force, by the digest of their file and by stream: of batches that
    are on their way or never came to their end."""
    versions: Mapping[str, int] = field(default_factory=_nothing)
    """The number of events of each stream: the version that a commit made from this expects."""


def initial() -> Compiled:
    """The settings of a desk whose settings log is empty."""
    return Compiled()


def evolve(compiled: Compiled, recorded: Recorded) -> Compiled:
    """The settings after one more event. Never fails; events of other logs change nothing."""
    stream, event = recorded.originator_id, recorded.event
    if not isinstance(event, SettingChanged | SettingsActivated):
        return compiled
    version = recorded.originator_version + 1
    values = {**compiled.__dict__, "versions": {**compiled.versions, stream: version}}
    if isinstance(event, SettingChanged):
        batch = {**compiled.pending.get(event.file_sha256, {}), stream: Change(event, version)}
        values["pending"] = {**compiled.pending, event.file_sha256: batch}
    else:
        values |= _activated(
            compiled, event.file_sha256, recorded.meta.offset, recorded.meta.occurred_at
        )
    return Compiled(**values)


def _activated(compiled: Compiled, file_sha256: str, position: int, at: int) -> dict[str, Any]:
    changes = compiled.pending.get(file_sha256, {})
    batch = {stream: change.event.after() for stream, change in changes.items()}
    set_now = {stream: value for stream, value in batch.items() if value is not None}
    things = {**compiled.things, **set_now}
    for stream in batch.keys() - set_now.keys():
        things.pop(stream, None)
    versions = {stream: change.version for stream, change in changes.items()}
    versions = {**compiled.in_force.versions, **versions}
    return {
        "in_force": replace(
            settings_of(things, position, {stream: versions[stream] for stream in sorted(things)}),
            editions={**compiled.in_force.editions, **_editions(set_now, versions)},
            left=_left(compiled, things),
            restricted_left=_restricted_left(compiled, things),
            gone_since=_gone_since(compiled, things, batch, at),
            since={stream: compiled.in_force.since.get(stream, position) for stream in things},
        ),
        "things": things,
        "former": {**compiled.former, **set_now},
        "pending": {file: c for file, c in compiled.pending.items() if file != file_sha256},
    }


def _left(compiled: Compiled, things: Mapping[str, Value]) -> frozenset[str]:
    """The agents who were in force once and aren't."""
    once = {
        stream for stream in (*compiled.former, *compiled.things) if stream.startswith("agent/")
    }
    return frozenset(kind_and_id(stream)[1] for stream in once - things.keys())


def _restricted_left(compiled: Compiled, things: Mapping[str, Value]) -> frozenset[str]:
    """The teams that were restricted when they were last in force, and are no more."""
    known = {**compiled.former, **compiled.things}
    return frozenset(
        value.id
        for stream, value in known.items()
        if isinstance(value, Team) and value.restricted and stream not in things
    )


def _gone_since(
    compiled: Compiled, things: Mapping[str, Value], batch: Iterable[str], at: int
) -> dict[tuple[str, str | None], int]:
    """The instants since when agents are gone, or out of a team: `Settings.gone_since`."""
    found = dict(compiled.in_force.gone_since)
    for stream in batch:
        kind, id = kind_and_id(stream)
        if kind != "agent":
            continue
        before, after = _teams(compiled.things.get(stream)), _teams(things.get(stream))
        for each in before - after:
            found[id, each] = at
        for each in after:
            found.pop((id, each), None)
    return found


def _teams(agent: Value | None) -> set[str | None]:
    """The teams of an agent, with None for the desk itself; empty: they are gone."""
    return {None, *agent.teams} if isinstance(agent, Agent) and agent.active else set()


_KEPT = ("calendar", "sla-policy")


def _editions(set_now: Mapping[str, Value], versions: Mapping[str, int]) -> dict[str, Value]:
    """The values that tickets go on citing when there are newer versions, by stream and version."""
    return {
        f"{stream}@{versions[stream]}": value
        for stream, value in set_now.items()
        if kind_and_id(stream)[0] in _KEPT
    }


def settings_of(
    things: Mapping[str, Value], position: int, versions: Mapping[str, int] | None = None
) -> Settings:
    """Things by stream, arranged by kind and id."""
    tables: dict[str, dict[str, Value]] = {kind.name: {} for kind in KINDS}
    for stream in sorted(things):
        kind, id = kind_and_id(stream)
        if kind in tables:
            tables[kind][id] = things[stream]
    plain_kinds = [kind for kind in KINDS if not isinstance(kind, RuleKind)]
    values: dict[str, Any] = {kind.table: tables[kind.name] for kind in plain_kinds}
    values["rules"] = {kind.value: tables[kind.name] for kind in RULE_KINDS}
    for single in (each for each in plain_kinds if each.single):
        values[single.table] = next(iter(tables[single.name].values()), None)
    return Settings(position=position, versions=versions or {}, **values)


FIRST_ROLES = ("agent", "supervisor", "admin")
"""The roles of the first admin of a desk."""


def with_admin(
    desired: Desired, compiled: Compiled, actor: Actor, kept: Collection[str] = ()
) -> tuple[Desired, tuple[str, ...]]:
    """A desk always has an admin: where a file would leave none, the agent who applies it stays
    one, or, where no agent applies it, those who are. `kept` stay admins in any case. Returns
    the desired settings with them, and the admins whom the file doesn't name as such."""
    agents = dict(desired.get("agent", compiled.in_force.agents))
    left = any(map(_leads, agents.values()))
    if left and not kept:
        return desired, ()
    if not left and not kept:
        kept = (actor.id,) if actor.kind == "agent" else admins(compiled.in_force)
    added = [id for id in kept if not _leads(agents.get(id))]
    if not added:
        return desired, ()
    teams = desired.get("team", compiled.in_force.teams)
    return {
        **desired,
        "agent": {**agents, **{id: _admin(id, agents, compiled.in_force, teams) for id in added}},
    }, tuple(added)


def _leads(value: Value | None) -> bool:
    return isinstance(value, Agent) and is_admin(value)


def _admin(id: str, agents: Mapping[str, Value], before: Settings, teams: Collection[str]) -> Agent:
    """The agent as a file or the settings in force have them, and an admin."""
    known = agents.get(id) or before.agents.get(id)
    if not isinstance(known, Agent):
        return Agent(id=id, roles=FIRST_ROLES)
    roles = tuple(dict.fromkeys((*known.roles, "admin")))
    left = tuple(team for team in known.teams if team in teams)
    return known.model_copy(update={"roles": roles, "teams": left, "retired": False})


def differences(desired: Desired, compiled: Compiled, file_sha256: str) -> list[tuple[str, Event]]:
    """The events to record, in this order, so that `desired` is in force: (stream, event).

    None when it is. Each commit expects `compiled.versions.get(stream, 0)`. Raises Invalid
    where the settings would contradict themselves or give an id another meaning.
    """
    wanted = {
        stream: value
        for stream, value in compiled.things.items()
        if kind_and_id(stream)[0] not in desired
    }
    for kind, values in desired.items():
        wanted |= {f"{kind}/{id}": value for id, value in values.items()}
    pending = compiled.pending.get(file_sha256, {})
    changes = _changes(wanted, compiled.things, pending, file_sha256)
    if not changes and not pending:
        return []
    problems = broken(settings_of(wanted, 0), compiled.former, desired)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Invalid(f"the settings can't be put in force: {problems[0]}{more}", all=problems)
    return [*changes, (ACTIVE, SettingsActivated(file_sha256=file_sha256))]


def _changes(
    wanted: Mapping[str, Value],
    things: Mapping[str, Value],
    pending: Mapping[str, Change],
    file_sha256: str,
) -> list[tuple[str, Event]]:
    found: list[tuple[str, Event]] = []
    streams = {*wanted, *things, *pending}
    for kind in KINDS:
        for stream in sorted(s for s in streams if s.startswith(f"{kind.name}/")):
            old, new, change = things.get(stream), wanted.get(stream), pending.get(stream)
            planned = (change.event.before(), change.event.after()) if change else (new, old)
            if planned != (old, new):
                id = kind_and_id(stream)[1]
                found.append((stream, kind.event.of(id, old, new, file_sha256)))
    return found
