"""Roles as they count: the built-in ones, narrowed or added to by a desk's settings.

Which commands a role may send follows from `CommandSpec.who_may`, narrowed by `Role.commands`. A
desk's own role without an entry in the settings counts as `agent`, as it always did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ticketlog.domain.settings.model import CustomField, Settings
from ticketlog.domain.settings.role import Role

AUDITOR, OPERATOR_ROLE, LIGHT_AGENT = "auditor", "operator", "light-agent"
END_USERS = frozenset({"requester", "end-user"})
_EVERY = ("*",)
OF_PERSONS = (
    *("tickets", "ticket", "ticket-links", "numbered-tickets", "search", "history", "attachment"),
    *("events", "person", "survivor", "merged-persons", "organisation", "accounts"),
)
"""The questions that a person may ask, of their own tickets and of themselves."""
OWN_ACCOUNT = (
    *("login-link.create", "session.end", "passkey.register", "passkey.remove"),
    *("identity.unlink", "token.revoke"),
)
"""The commands by which an agent signs in, and takes back what signs them in: no role is without
them. They decide about accounts of one's own; of everybody's, for an admin."""
_NOTES = (
    "token.create",
    *("ticket.note", "ticket.attach", "ticket.follow", "ticket.unfollow"),
    *("agent.mark-seen", "agent.snooze", "agent.set-availability"),
)
_STAFF = {"queries": _EVERY, "reports": _EVERY, "scope": "all"}
BUILT_IN: Mapping[str, Role] = {
    each.id: each
    for each in (
        *(
            Role(id=id, queries=OF_PERSONS, reports=(), scope="own", hides=("internal", "audit"))
            for id in sorted(END_USERS)
        ),
        Role(id=LIGHT_AGENT, commands=_NOTES, queries=_EVERY, reports=_EVERY, scope="all"),
        *(
            Role(id=id, queries=_EVERY, reports=_EVERY, scope="all")
            for id in ("agent", "supervisor", "admin", "service", "rule", "import")
        ),
        Role(
            id=AUDITOR,
            commands=("access-review.sign-off", "export", "token.create"),
            queries=_EVERY,
            reports=_EVERY,
            scope="all",
        ),
        Role(
            id=OPERATOR_ROLE,
            commands=("export",),
            queries=_EVERY,
            reports=_EVERY,
            scope="all",
        ),
    )
}
"""The roles that every desk has. `commands` None: those that `who_may` gives it."""
READS_EVERYTHING = frozenset({AUDITOR, OPERATOR_ROLE})
"""Roles from which no restricted team hides anything."""
_NOTHING = Role(id="nothing", commands=(), queries=(), reports=(), scope="own")
_DEEPEST = 8


def role_of(id: str, settings: Settings, depth: int = 0) -> Role:
    """A role with every right that it has."""
    given = settings.roles.get(id)
    if given is None:
        return BUILT_IN.get(id) or BUILT_IN["agent"].model_copy(update={"id": id})
    base = BUILT_IN.get(id)
    if base is None:
        known = given.like is not None and depth < _DEEPEST
        base = role_of(given.like or "", settings, depth + 1) if known else _NOTHING
    return Role(
        id=id,
        title=given.title,
        like=given.like,
        commands=base.commands if given.commands is None else given.commands,
        queries=base.queries if given.queries is None else given.queries,
        reports=base.reports if given.reports is None else given.reports,
        scope=given.scope or base.scope,
        queues=given.queues or base.queues,
        organisations=given.organisations or base.organisations,
        hides=tuple(dict.fromkeys((*base.hides, *given.hides))),
        writes=base.writes if given.writes is None else given.writes,
    )


def standing(id: str, settings: Settings) -> str:
    """The built-in role that a role counts as where rights name roles: its own, that which it is
    like, or `agent` for one without an entry in the settings."""
    for _ in range(_DEEPEST):
        if id in BUILT_IN:
            return id
        given = settings.roles.get(id)
        if given is None:
            return "agent"
        if given.like is None:
            return id
        id = given.like
    return id


def named_in(patterns: Iterable[str] | None, name: str) -> bool:
    """Whether a list of names and patterns holds a name. None: it isn't narrowed."""
    return patterns is None or any(
        name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns
    )


GRANTABLE = frozenset({"staff", "agent", "supervisor", "admin"})
"""A command that one of these may send can be given to a role of the desk's own."""


def sends(id: str, name: str, granted: frozenset[str], settings: Settings) -> bool:
    """Whether a role of an agent may send a command or do an act that is `granted` to roles."""
    if name in OWN_ACCOUNT:
        return "staff" in granted
    role = role_of(id, settings)
    if not named_in(role.commands, name):
        return False
    base, given = standing(id, settings), settings.roles.get(id)
    if id not in BUILT_IN and given is None:
        return "staff" in granted
    if base in granted or (base in BUILT_IN and "staff" in granted):
        return True
    own = id not in BUILT_IN and given is not None and given.commands is not None
    return own and not granted.isdisjoint(GRANTABLE)


def asks(id: str, right: str, settings: Settings) -> bool:
    """Whether a role may ask a question ('query:NAME') or for a report ('report:NAME')."""
    kind, _, name = right.partition(":")
    role = role_of(id, settings)
    return named_in(role.reports if kind == "report" else role.queries, name)


def reads_field(roles: Iterable[str], field: CustomField, settings: Settings) -> bool:
    """Whether one of the roles reads a custom field. A field that names no readers is for those who
    work on tickets."""
    for id in roles:
        base = standing(id, settings)
        if base in READS_EVERYTHING:
            return True
        if field.readers:
            if id in field.readers or base in field.readers:
                return True
        elif base not in END_USERS:
            return True
    return False


def writes_field(roles: Iterable[str], name: str, settings: Settings) -> bool:
    """Whether one of the roles may write a field of tickets, by its name; custom ones, too."""
    custom = settings.fields.get(name)
    for id in roles:
        named = custom is None or not custom.writers
        named = (
            named or {id, standing(id, settings)} & set(custom.writers if custom else ()) != set()
        )
        if named and named_in(role_of(id, settings).writes, name):
            return True
    return False
