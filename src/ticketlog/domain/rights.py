"""Rights: who may do what, who is known, and in which roles an actor acts.

A right names the roles that have it: a command's stand in its `SPEC` (`aggregates.RIGHTS` has them
by name), those of an act in `ACTS`. Agents have the roles that the settings grant them. Every other
role follows from what an actor is: a person is `requester` of their own ticket and `end-user` of
every other one, a service is `service`, a rule `rule`, an import `import`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain import roles as role_rights
from ticketlog.domain.base import Actor, ActorKind, Context, Forbidden
from ticketlog.domain.settings.model import Agent, Settings

Load: TypeAlias = Callable[[str], Any]
"""The state of a stream, by its name."""

STAFF = "staff"
"""Every agent, whatever their roles."""
IN_COPY = "in-copy"
"""A person in copy of the ticket."""
SELF = "self"
"""Whom the stream is about: the person or the agent themselves, the policy itself."""
OPERATOR = "operator"
"""Whoever runs the desk's processes on its machine; they act as the desk itself."""
RELATIVE = frozenset({"requester", IN_COPY, SELF})
"""Roles that depend on the stream."""

PERSONS = frozenset({"requester", "end-user"})
"""Everybody who asks."""
WORKERS = frozenset({STAFF, "service", "rule", "import"})
"""Who works tickets, human or not."""
LEADS = frozenset({"supervisor", "admin"})

CLOSERS = frozenset({"supervisor", "admin", "rule", "service"})
"""Who takes an arrow from solved to closed that is open to every role (Zendesk: a rule does)."""


class Right(NamedTuple):
    """The roles that may send a command, or do an act, of a name. None: nobody may."""

    name: str
    roles: frozenset[str] = frozenset()
    about: ActorKind | None = None
    """The kind of actor that the command's stream is about, whom `SELF` means."""


class Act(NamedTuple):
    """An act that is no command on a stream: who may, and what it does."""

    who_may: frozenset[str]
    what: str


APPLY, EXPORT = "settings.apply", "export"
ACTS: Mapping[str, Act] = {
    APPLY: Act(
        frozenset({"admin"}),
        "puts a settings file in force; in a desk without an admin any agent may",
    ),
    "settings.reroute": Act(LEADS | {"service"}, "routes again what lies about"),
    "import": Act(LEADS | {"service"}, "records the histories in a file"),
    "run": Act(frozenset({OPERATOR}), "keeps views, policies and outboxes up"),
    "policies.run": Act(frozenset({OPERATOR}), "lets the policies act"),
    "policies.retry": Act(frozenset({OPERATOR}), "lets a policy go on with what it had parked"),
    "webhook.read": Act(
        frozenset({"admin"}), "sees endpoints, their deliveries, and messages from outside"
    ),
    "webhook.test": Act(frozenset({"admin"}), "sends an endpoint a ping"),
    "webhook.handle": Act(frozenset({"admin"}), "makes commands of a message from outside again"),
    "publish": Act(frozenset({OPERATOR}), "publishes accepted events for other services"),
    EXPORT: Act(frozenset({"auditor", OPERATOR}), "takes out the logs, or rows of all tickets"),
}


_KINDS = {"rule": "a rule", "import": "an import"}


def check_known(actor: Actor, settings: Settings, load: Load) -> None:
    """Only known actors act. Raises Forbidden, with who is known and the next step, for an agent
    or a service that the settings don't know, a person whom nobody registered, a role that wasn't
    granted, and for kinds that nobody can take: rules and imports act from inside the desk."""
    match actor.kind:
        case "agent":
            _check_agent(actor, settings)
        case "person":
            _check_person(actor, load)
        case "service":
            _check_service(actor, settings)
        case _:
            raise Forbidden(
                f"nobody can act as {_KINDS.get(actor.kind, actor.kind)}: rules act when the "
                "policies run, imports when a file is imported; act as an agent, a person or a "
                "service",
                actor=actor.id,
            )


def _check_agent(actor: Actor, settings: Settings) -> None:
    if actor.id not in settings.agents:
        known = [agent.id for agent in settings.agents.values() if agent.active]
        raise Forbidden(
            f"agent {actor.id} is not known to this desk; known are {listed(known)}. "
            f"{_next_step(actor, settings)}",
            actor=actor.id,
            known=tuple(known),
        )
    roles_of_agent(actor, settings)


def _next_step(actor: Actor, settings: Settings) -> str:
    if not admins(settings):
        return "The desk has no admin yet: the first agent who applies settings becomes it"
    return (
        f"An admin adds them: `ticketlog settings apply FILE` with [agents.{actor.id}] "
        f"(admins: {listed(admins(settings))})"
    )


def _check_person(actor: Actor, load: Load) -> None:
    if actor.role not in (None, *PERSONS):
        raise Forbidden(f"{actor.id} is a person and can't act as {actor.role}")
    if not load(f"person/{actor.id}").exists:
        raise Forbidden(
            f"person {actor.id} is not known: nobody registered them; "
            "`ticketlog person register NAME` does, and says their id",
            actor=actor.id,
        )


def _check_service(actor: Actor, settings: Settings) -> None:
    if actor.role == OPERATOR and actor.authenticated == "local":
        return
    if actor.role not in (None, "service"):
        raise Forbidden(f"{actor.id} is a service and can't act as {actor.role}")
    if actor.id not in settings.known_services:
        known = settings.known_services
        raise Forbidden(
            f"service {actor.id} is not known to this desk; known are {listed(known)}. An admin "
            f"adds it: `ticketlog settings apply FILE` with [services.{actor.id}]",
            actor=actor.id,
            known=tuple(known),
        )


def admins(settings: Settings) -> list[str]:
    """The agents who may change the settings."""
    return [each.id for each in settings.agents.values() if is_admin(each)]


def is_admin(agent: Agent) -> bool:
    return agent.active and "admin" in agent.roles


def check_applies(actor: Actor, settings: Settings, load: Load) -> None:
    """Raises Forbidden where the actor may not put settings in force. A desk without an admin,
    made by an earlier release or by a program, belongs to the first agent who does."""
    if actor.kind != "agent" or admins(settings):
        check_act(APPLY, actor, settings, load)


def roles_of_agent(actor: Actor, settings: Settings) -> frozenset[str]:
    """The roles that an agent acts in: the one that they name, or all that they have.

    Raises Forbidden for a role that the settings don't grant them, and for a retired agent. An
    agent who isn't in the settings has the role that they say: decisions can be made about a past
    in which they were (`check_known` is for those who act now).
    """
    agent = settings.agents.get(actor.id)
    if agent is None:
        return frozenset({actor.role or "agent"})
    if not agent.active:
        raise Forbidden(f"agent {actor.id} is retired; the settings must let them work again first")
    if actor.role is None:
        return frozenset(agent.roles)
    if actor.role not in agent.roles:
        raise Forbidden(
            f"agent {actor.id} can't act as {actor.role}; "
            f"the settings grant them: {listed(agent.roles)}",
            roles=agent.roles,
        )
    return frozenset({actor.role})


def roles_on(state: Any, context: Context) -> frozenset[str]:
    """The roles that the actor has on a stream with this state, as workflows name them. Raises
    Forbidden for one that they don't hold."""
    actor = context.actor
    if actor.kind == "agent":
        return roles_of_agent(actor, context.settings)
    if actor.kind != "person":
        return frozenset({actor.role or actor.kind})
    if actor.role not in (None, *PERSONS):
        raise Forbidden(f"{actor.id} is a person and can't act as {actor.role}")
    return frozenset({"requester" if _is(actor.id, state, "requester", context) else "end-user"})


def takers(roles: Iterable[str], *, closes: bool) -> frozenset[str]:
    """The roles that may take an arrow of a workflow; '*' stands for all. `closes`: it leads from
    solved to closed."""
    named = frozenset(roles)
    return CLOSERS if closes and "*" in named else named


def check(right: Right, state: Any, context: Context) -> None:
    """Raises Forbidden where the actor hasn't the right to send the command to the stream."""
    if may(right, state, context):
        return
    actor, granted = context.actor, right.roles
    if actor.kind == "person":
        who = "a person may reply and attach, and reopen, verify, rate, cancel and copy others on "
        who += "their own ticket"
    else:
        who = f"these roles may: {listed(in_words(granted))}"
    raise Forbidden(
        f"{actor.id} may not send {right.name} to {context.stream.replace('/', ' ')}: {who}",
        stream=context.stream,
        roles=tuple(sorted(granted)),
    )


def may(right: Right, state: Any, context: Context) -> bool:
    """Whether the actor has the right to send a command or do an act. What depends on a stream
    that doesn't exist is for the command to refuse. Raises Forbidden for a role that the actor
    doesn't hold."""
    granted = right.roles
    actor = context.actor
    if not _service_may(right.name, actor, context.settings):
        return False
    settings: Settings = context.settings
    held = roles_on(state, context)
    if actor.kind == "agent":
        if any(role_rights.sends(each, right.name, granted, settings) for each in held):
            return True
        held = frozenset(each for each in held if _allows(each, right.name, settings))
    else:
        held = frozenset(each for each in held if _allows(each, right.name, settings))
        if not held.isdisjoint(granted):
            return True
    if not held:
        return False
    if SELF in granted:
        return actor.kind == right.about and _is(actor.id, state, "id", context)
    if actor.kind == "person" and not getattr(state, "exists", True):
        return not RELATIVE.isdisjoint(granted)
    return IN_COPY in granted and any(
        same_person(actor.id, each, context.states.get) for each in getattr(state, "ccs", ())
    )


def _allows(role: str, name: str, settings: Settings) -> bool:
    """Whether the settings leave a role a command that its rights give it."""
    return role_rights.named_in(role_rights.role_of(role, settings).commands, name)


def _service_may(name: str, actor: Actor, settings: Settings) -> bool:
    """A service may do what its rights name, where they name any: commands, or 'KIND.*'."""
    if actor.kind != "service":
        return True
    service = settings.known_services.get(actor.id)
    if service is None or not service.rights:
        return True
    return name in service.rights or f"{name.partition('.')[0]}.*" in service.rights


def _is(id: str, state: Any, attribute: str, context: Context) -> bool:
    other = getattr(state, attribute, None)
    return other is not None and same_person(id, other, context.states.get)


def in_words(granted: Iterable[str]) -> list[str]:
    """Roles of rights as people read them."""
    words = {
        STAFF: "any agent",
        IN_COPY: "a person in copy",
        SELF: "whom it is about (their own)",
        OPERATOR: "whoever runs the desk's processes",
    }
    return [words.get(each, each) for each in granted]


def check_sends(
    right: Right, stream: str | None, actor: Actor, settings: Settings, load: Load
) -> None:
    """Raises Forbidden where the actor isn't known, or may not send a command to a stream; None:
    one that creates its own."""
    check_known(actor, settings, load)
    state = None if stream is None else load(stream)
    states: dict[str, Any] = {}
    context = Context(settings=settings, now=0, actor=actor, stream=stream or "desk", states=states)
    while new := set(reads(right, state, context)) - states.keys():
        states |= {each: load(each) for each in new}
    check(right, state, context)


def reads(right: Right, state: Any, context: Context) -> Iterator[str]:
    """The streams that say whether a person who acts, or is acted for, is the requester or in
    copy: their own, and those of whom they may have been merged with. To be asked until it names
    nothing new."""
    actor = context.actor
    acting = [actor.id] if actor.kind == "person" else []
    acting += [actor.on_behalf_of] if actor.on_behalf_of else []
    if not acting:
        return
    requester = getattr(state, "requester", None)
    copied = getattr(state, "ccs", ()) if IN_COPY in right.roles else ()
    seen: set[str] = set()
    for id in (*acting, *((requester,) if requester else ()), *copied):
        while id not in seen:
            seen.add(id)
            yield f"person/{id}"
            id = getattr(context.states.get(f"person/{id}"), "merged_into", None) or id


def survivor(id: str, load: Callable[[str], Any]) -> str:
    """The person who stands for a person after merges: themselves where there were none. `load`
    gives the state of a stream, or None. Of persons who were merged in a circle, by two at once,
    the first by id."""
    way: list[str] = []
    while id not in way:
        way.append(id)
        into = getattr(load(f"person/{id}"), "merged_into", None)
        if into is None:
            return id
        id = into
    return min(way[way.index(id) :])


def same_person(one: str, other: str, load: Callable[[str], Any]) -> bool:
    """Whether two ids are those of one human, as far as `load` knows."""
    return one == other or survivor(one, load) == survivor(other, load)


def check_act(name: str, actor: Actor, settings: Settings, load: Load) -> None:
    """Raises Forbidden where the actor may not do the act (one of ACTS)."""
    check_known(actor, settings, load)
    context = Context(settings=settings, now=0, actor=actor, stream=f"desk/{name}")
    granted, what = ACTS[name]
    runs = OPERATOR in granted and name != EXPORT
    if runs or may(Right(name, granted), None, context):
        return
    raise Forbidden(
        f"{actor.kind} {actor.id} may not do {name}, which {what}; "
        f"these roles may: {listed(granted)} ({_holders(granted, settings)})",
        roles=tuple(sorted(granted)),
    )


def _holders(granted: Collection[str], settings: Settings) -> str:
    held = [
        agent.id
        for agent in settings.agents.values()
        if agent.active and not set(agent.roles).isdisjoint(granted)
    ]
    return f"now {listed(held)}"


_SHOWN = 20


def listed(names: Collection[str]) -> str:
    """Names for a message, at most 20 of them."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "none"
