"""Who may do what: the one table of rights, who is known, and in which roles they act.

A right names the roles that have it. Agents have the roles that the settings grant them. The others
follow from what somebody is: a person is `requester` of their own ticket and `end-user` of others',
a service is `service`, a rule `rule`, an import `import`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ticketlog.domain.base import Actor, Context, Forbidden
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
_SELVES = {"person": "person", "agent": "agent", "policy": "service"}
"""Kind of stream -> the kind of actor that it is about."""
RELATIVE = frozenset({"requester", IN_COPY, SELF})
"""Roles that depend on the stream."""

_PERSONS = ("requester", "end-user")
_OURS = (STAFF, "service", "rule", "import")
_LEADS = ("supervisor", "admin")


def _each(names: str, *roles: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(names.split(), frozenset(roles))


RIGHTS: Mapping[str, frozenset[str]] = {
    **_each("ticket.create ticket.reply ticket.attach", *_PERSONS, *_OURS),
    **_each("ticket.reopen ticket.verify ticket.cancel", "requester", *_OURS),
    **_each("ticket.rate", "requester", "service"),
    **_each("ticket.add-cc", "requester", IN_COPY, *_OURS),
    **_each("ticket.note ticket.set-status ticket.hold ticket.solve ticket.close", *_OURS),
    **_each("ticket.mark-spam ticket.restore", *_OURS),
    **_each("ticket.assign ticket.unassign ticket.escalate", *_OURS),
    **_each("ticket.claim ticket.start-work ticket.stop-work", STAFF),
    **_each("ticket.classify ticket.set-subject ticket.set-requester", *_OURS),
    **_each("ticket.set-organisation ticket.set-due ticket.set-fields", *_OURS),
    **_each("ticket.tag ticket.prioritise ticket.follow ticket.unfollow", *_OURS),
    **_each("ticket.remove-cc ticket.link ticket.unlink", *_OURS),
    **_each("ticket.offer-survey ticket.review", *_OURS),
    **_each("ticket.redact", "agent", *_LEADS),
    **_each("ticket.place-legal-hold ticket.release-legal-hold ticket.correct-time", *_LEADS),
    **_each("ticket.record-due ticket.reapply-sla", *_LEADS, "rule", "service"),
    **_each("ticket.record-activity", "import", "service"),
    **_each("ticket.route", *_LEADS, "rule", "service"),
    **_each("ticket.withdraw", *_LEADS),
    **_each("ticket.remind ticket.choose ticket.settle ticket.notify", "rule"),
    **_each("person.register person.set-organisation", STAFF, "service"),
    **_each("person.merge person.unmerge", STAFF, "service"),
    **_each("person.add-address person.remove-address", STAFF, "service"),
    **_each("person.verify-address", STAFF, "service"),
    **_each("person.rename person.set-locale", SELF, STAFF, "service"),
    **_each("organisation.register organisation.rename organisation.set-tier", STAFF, "service"),
    **_each("organisation.set-contract organisation.set-locale", STAFF, "service"),
    **_each("organisation.set-domains", STAFF, "service"),
    **_each("agent.set-availability agent.set-shifts", STAFF, "service"),
    **_each("agent.snooze agent.mark-seen", SELF),
    **_each("agent.reserve agent.release", "rule"),
    **_each("policy.advance policy.park policy.unpark", SELF),
    **_each("import.begin import.end import.keep-secret", *_LEADS, "service"),
    **_each("import.begin-withdrawal import.end-withdrawal", *_LEADS),
    **_each("settings.apply", "admin"),
    **_each("settings.reroute import", *_LEADS, "service"),
    **_each("run policies.run policies.retry publish", OPERATOR),
}
"""Command or act -> the roles that may. What isn't here nobody may."""

APPLY = "settings.apply"
ACTS: Mapping[str, str] = {
    APPLY: "puts a settings file in force; in a desk without an admin any agent may",
    "settings.reroute": "routes again what lies about",
    "import": "records the histories in a file",
    "run": "keeps views, policies and outboxes up",
    "policies.run": "lets the policies act",
    "policies.retry": "lets a policy go on with what it had parked",
    "publish": "publishes accepted events for other services",
}
"""Acts that are no commands on a stream, with what they do."""


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
    if actor.role not in (None, *_PERSONS):
        raise Forbidden(f"{actor.id} is a person and can't act as {actor.role}")
    if not load(f"person/{actor.id}").exists:
        raise Forbidden(
            f"person {actor.id} is not known: nobody registered them; "
            "`ticketlog person register NAME` does, and says their id",
            actor=actor.id,
        )


def _check_service(actor: Actor, settings: Settings) -> None:
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
    if actor.role not in (None, *_PERSONS):
        raise Forbidden(f"{actor.id} is a person and can't act as {actor.role}")
    return frozenset({"requester" if _is(actor.id, state, "requester", context) else "end-user"})


def check(name: str, state: Any, context: Context) -> None:
    """Raises Forbidden where the actor may not send the command of that name to the stream."""
    if may(name, state, context):
        return
    actor, granted = context.actor, RIGHTS.get(name, frozenset())
    if actor.kind == "person":
        who = "a person may reply and attach, and reopen, verify, rate, cancel and copy others on "
        who += "their own ticket"
    else:
        who = f"these roles may: {listed(in_words(granted))}"
    raise Forbidden(
        f"{actor.id} may not send {name} to {context.stream.replace('/', ' ')}: {who}",
        stream=context.stream,
        roles=tuple(sorted(granted)),
    )


def may(name: str, state: Any, context: Context) -> bool:
    """Whether the actor may send a command, or do an act, by its name. What depends on a stream
    that doesn't exist is for the command to refuse. Raises Forbidden for a role that the actor
    doesn't hold."""
    granted = RIGHTS.get(name, frozenset())
    actor = context.actor
    if not _service_may(name, actor, context.settings):
        return False
    if not roles_on(state, context).isdisjoint(granted):
        return True
    if actor.kind == "agent" and STAFF in granted:
        return True
    if SELF in granted:
        kind = _SELVES.get(context.stream.partition("/")[0])
        return actor.kind == kind and _is(actor.id, state, "id", context)
    if actor.kind == "person" and not getattr(state, "exists", True):
        return not RELATIVE.isdisjoint(granted)
    return IN_COPY in granted and any(
        same_person(actor.id, each, context.others.get) for each in getattr(state, "ccs", ())
    )


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
    return other is not None and same_person(id, other, context.others.get)


def in_words(granted: Iterable[str]) -> list[str]:
    """Roles of RIGHTS as people read them."""
    words = {
        STAFF: "any agent",
        IN_COPY: "a person in copy",
        SELF: "whom it is about (their own)",
        OPERATOR: "whoever runs the desk's processes",
    }
    return [words.get(each, each) for each in granted]


def check_sends(
    name: str, stream: str | None, actor: Actor, settings: Settings, load: Load
) -> None:
    """Raises Forbidden where the actor isn't known, or may not send a command to a stream; None:
    one that creates its own."""
    check_known(actor, settings, load)
    state = None if stream is None else load(stream)
    others: dict[str, Any] = {}
    context = Context(settings=settings, now=0, actor=actor, stream=stream or "desk", others=others)
    while new := set(reads(name, state, context)) - others.keys():
        others |= {each: load(each) for each in new}
    check(name, state, context)


def reads(name: str, state: Any, context: Context) -> Iterator[str]:
    """The streams that say whether a person who acts, or is acted for, is the requester or in
    copy: their own, and those of whom they may have been merged with. To be asked until it names
    nothing new."""
    actor = context.actor
    acting = [actor.id] if actor.kind == "person" else []
    acting += [actor.on_behalf_of] if actor.on_behalf_of else []
    if not acting:
        return
    requester = getattr(state, "requester", None)
    copied = getattr(state, "ccs", ()) if IN_COPY in RIGHTS.get(name, ()) else ()
    seen: set[str] = set()
    for id in (*acting, *((requester,) if requester else ()), *copied):
        while id not in seen:
            seen.add(id)
            yield f"person/{id}"
            id = getattr(context.others.get(f"person/{id}"), "merged_into", None) or id


def survivor(id: str, load: Callable[[str], Any]) -> str:
    """Who stands for a person after merges: themselves where there were none. `load` gives the
    state of a stream, or None. Of persons who were merged in a circle, by two at once, the first by
    id."""
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
    granted = RIGHTS[name]
    if OPERATOR in granted or may(name, None, context):
        return
    raise Forbidden(
        f"{actor.kind} {actor.id} may not do {name}, which {ACTS[name]}; "
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
