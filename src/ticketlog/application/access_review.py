"""The review of access: why an actor has a right or hasn't, and the rights of a whole desk."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import orjson

from ticketlog.application import access_table
from ticketlog.application.access import READ, Access
from ticketlog.application.executor import Outcome
from ticketlog.documents.access_reviews import AccessExplained, AccessReview, SignedOff
from ticketlog.domain import rights, roles
from ticketlog.domain.accounts.review_sign_off import KIND, SignOffReview
from ticketlog.domain.aggregates import RIGHTS
from ticketlog.domain.base import Actor, Command, Forbidden, NotFound, Stale
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sight import acting_roles, members
from ticketlog.errors import Usage

_UNKNOWN = "0" * 64


class SigningDesk(Protocol):
    """A desk, as far as a sign-off needs it."""

    @property
    def settings(self) -> Settings: ...
    def execute_account(self, command: Command, *, on: str, actor: Actor) -> Outcome: ...


def right_named(text: str) -> str:
    """The right that a command, an act, a query or a report takes, by its name. Raises Usage."""
    if text in RIGHTS or text in rights.ACTS:
        return text
    kind, colon, name = text.partition(":")
    name = name if colon else text
    if name in access_table.REPORTS and kind != "query":
        return f"report:{name}"
    if name in access_table.QUERIES and kind != "report":
        return f"query:{name}"
    raise Usage(
        f"{text!r} is no command, act, query or report: `ticketlog --help` and docs/RIGHTS.md list "
        "them"
    )


def explained(
    access: Access, actor: Actor, text: str, stream: str | None, asker: Actor | None
) -> AccessExplained:
    """Whether an actor has a right, on a ticket ('ticket/ID') or at all, and why or why not.
    `asker`: who wants to know it. Raises Usage, NotFound for a ticket that the asker doesn't see,
    Forbidden."""
    right, settings, load = right_named(text), access.settings(), access.load
    asking = access.check(asker, "query:access-explain", *([stream] if stream else []))
    state: Any = None if stream is None else load(stream)
    if stream is not None and not (state.exists and asking.sees_state(state)):
        raise NotFound(f"{stream} doesn't exist; `ticketlog ticket list` shows those that do")
    told: dict[str, Any] = {"actor": f"{actor.kind}/{actor.id}", "right": right, "ticket": stream}
    try:
        viewer = access.viewer(actor)
        held = sorted(acting_roles(actor, settings))
    except Forbidden as error:
        return AccessExplained.filled(told, may=False, why=str(error), sees="nothing", roles=[])
    sight = viewer.sight(READ if right in rights.ACTS else right)
    told |= {"sees": str(sight), "roles": [_grant(each, right, settings) for each in held]}
    if state is not None and not sight.covers(state, load):
        closed = state.team in sight.closed
        why = (
            f"the ticket is in the restricted team {state.team}, and {actor.id} is no member of it"
            if closed
            else f"the ticket is beyond their scope ({sight})"
        )
        return AccessExplained.filled(told, may=False, why=f"{why}: to them it doesn't exist")
    try:
        _check(access, actor, right, stream)
    except Forbidden as error:
        return AccessExplained.filled(told, may=False, why=str(error))
    granting = [each["role"] for each in told["roles"] if each["grants"]]
    who = ", ".join(granting) or "what they are to the ticket"
    return AccessExplained.filled(told, may=True, why=f"by {who}")


def _check(access: Access, actor: Actor, right: str, stream: str | None) -> None:
    if right in RIGHTS:
        settings, load = access.settings(), access.load
        rights.check_sends(RIGHTS[right], stream, actor, settings, load)
    else:
        access.viewer(actor).check(right)


def _grant(id: str, right: str, settings: Settings) -> dict[str, Any]:
    role = roles.role_of(id, settings)
    if ":" in right:
        grants = roles.asks(id, right, settings)
        kind = "reports" if right.startswith("report:") else "queries"
    else:
        who_may = RIGHTS[right].roles if right in RIGHTS else rights.ACTS[right].who_may
        grants = roles.sends(id, right, who_may, settings)
        if id in ("requester", "end-user", "service", "operator"):
            grants = id in who_may and roles.named_in(role.commands, right)
        kind = "commands"
    source = f"[roles.{id}]" if id in settings.roles else "built in"
    said = getattr(role, kind)
    what = "every one that its rights give" if said is None else ", ".join(said) or "none"
    return {"role": id, "grants": grants, "scope": role.scope, "because": f"{source}: {what}"}


def review(settings: Settings) -> AccessReview:
    """The rights of everybody by the settings of a moment."""
    named = {*roles.BUILT_IN, *settings.roles}
    named |= {role for agent in settings.agents.values() for role in agent.roles}
    told: dict[str, Any] = {
        "settings": settings.position,
        "roles": [_rights(each, settings) for each in sorted(named - {"rule", "import"})],
        "actors": [
            *(
                {
                    "actor": f"agent/{each.id}",
                    "active": each.active,
                    "roles": list(each.roles),
                    "teams": list(each.teams),
                }
                for each in settings.agents.values()
            ),
            *(
                {
                    "actor": f"service/{each.id}",
                    "active": True,
                    "roles": list(each.roles) or ["service"],
                    "teams": list(each.teams),
                }
                for each in settings.known_services.values()
            ),
        ],
        "restricted": [_restricted(each, settings) for each in sorted(settings.restricted_teams)],
        "fields": [
            {"field": each.id, "readers": list(each.readers), "writers": list(each.writers)}
            for each in settings.fields.values()
            if each.readers or each.writers
        ],
    }
    rest = AccessReview.filled(told, sha256=_UNKNOWN).plain()
    del rest["sha256"]
    canonical = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)
    return AccessReview.filled(rest, sha256=hashlib.sha256(canonical).hexdigest())


def _rights(id: str, settings: Settings) -> dict[str, Any]:
    role = roles.role_of(id, settings)
    granted = {name: right.roles for name, right in RIGHTS.items()}
    granted |= {name: act.who_may for name, act in rights.ACTS.items()}
    if id in (*roles.END_USERS, "service", "operator"):
        sent = [n for n, who in granted.items() if id in who and roles.named_in(role.commands, n)]
    else:
        sent = [name for name, who in granted.items() if roles.sends(id, name, who, settings)]
    return {
        "role": id,
        "like": role.like,
        "commands": sorted(sent),
        "queries": sorted(n for n in access_table.QUERIES if roles.named_in(role.queries, n)),
        "reports": sorted(n for n in access_table.REPORTS if roles.named_in(role.reports, n)),
        "scope": role.scope,
        "queues": list(role.queues),
        "organisations": list(role.organisations),
        "hides": list(role.hides),
        "writes": None if role.writes is None else list(role.writes),
    }


def _restricted(team: str, settings: Settings) -> dict[str, Any]:
    auditors = [
        each.id
        for each in settings.agents.values()
        if each.active
        and any(
            roles.standing(role, settings) == roles.AUDITOR
            and roles.role_of(role, settings).scope == "all"
            for role in each.roles
        )
    ]
    services = [each.id for each in settings.known_services.values() if team in each.teams]
    known = sorted(members(team, settings))
    return {"team": team, "members": known, "services": services, "auditors": auditors}


def sign_off(desk: SigningDesk, actor: Actor, sha256: str | None, comment: str | None) -> SignedOff:
    """Records that an actor stands for the review of the settings in force. `sha256`: the digest of
    what they looked at; None: as it is now. Raises Forbidden, Stale where it is another one."""
    now = review(desk.settings)
    if sha256 is not None and sha256 != now.sha256:
        raise Stale(
            f"the review that you looked at has changed: it is {now.sha256} now, of settings "
            f"{now.settings}; look at it again by `ticketlog access review`"
        )
    done = desk.execute_account(
        SignOffReview(sha256=now.sha256, comment=comment),
        on=f"{KIND}/{now.settings}",
        actor=actor,
    )
    last = done.events[-1]
    return SignedOff.filled(
        settings=now.settings,
        sha256=now.sha256,
        by=f"{actor.kind}/{actor.id}",
        at=last.meta.recorded_at,
        comment=comment,
    )
