"""The owner as whom a user of an identity provider acts, by the provider's rules.

Claims are what the provider says of its user, checked already. Issuer and subject together are
the user, for good; an e-mail address finds a person only the first time, so that one which is given
to another human later leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ticketlog.application.executor import Outcome, derived_id
from ticketlog.domain.accounts.identity import KIND, Identity, identity_key
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Invalid, Refused, kind_and_id
from ticketlog.domain.parties.contact import Address, normal
from ticketlog.domain.parties.person import KIND as PERSON
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.rights import survivor
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.signing_in import EMAIL, IdentityProvider, IdentityRule
from ticketlog.domain.text import blank, flat

Claims = Mapping[str, Any]
VERIFIED = "email_verified"


class NobodyHere(Exception):
    """No rule says as whom the user acts. `code`: the reason, in a word; the message has it for
    people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PeopleDesk(Protocol):
    """The parts of a desk by which persons and agents are found."""

    @property
    def settings(self) -> Settings: ...

    def load(self, stream: str) -> Any: ...

    def load_account(self, stream: str) -> Any: ...

    def load_accounts(self, kind: str) -> Iterator[Any]: ...

    def persons_with(self, address: Address) -> list[str]: ...

    def register_signed_in(self, command: RegisterPerson, *, id: str) -> Outcome: ...


class _User(NamedTuple):
    """A provider's user."""

    provider: IdentityProvider
    subject: str
    claims: Claims

    @property
    def email(self) -> str | None:
        """The e-mail address that the provider has verified."""
        said = self.claims.get(EMAIL)
        if self.claims.get(VERIFIED) is not True or not isinstance(said, str):
            return None
        try:
            return normal("email", said)
        except Invalid:
            return None


def wanted_claims(provider: IdentityProvider) -> frozenset[str]:
    """The names of the claims that the provider's rules look at."""
    named = {each for rule in provider.rules for each in (rule.claim, rule.by) if each}
    by_address = any(rule.domains or rule.to == "person" for rule in provider.rules)
    found = named | ({EMAIL} if by_address else set())
    return frozenset(found | ({VERIFIED} if EMAIL in found else set()))


def owner_by_rules(
    provider: IdentityProvider, subject: str, claims: Claims, desk: PeopleDesk
) -> Owner:
    """The owner as whom the user acts; a person whom nobody knows is registered where the rule says
    so. Raises NobodyHere, Refused, Unreachable, Damaged."""
    user = _User(provider, subject, claims)
    rule = next((each for each in provider.rules if _matches(each, user)), None)
    if rule is None or rule.to == "nobody":
        raise NobodyHere(
            "no-rule",
            f"{provider.title or provider.id} knows you, and no rule of this desk says as whom you "
            f"act here: an admin adds one ([identity_providers.{provider.id}] rules)",
        )
    return _agent(rule, user, desk) if rule.to == "agent" else _person(rule, user, desk)


def _matches(rule: IdentityRule, user: _User) -> bool:
    if rule.claim is not None and not set(rule.values) & _words(user.claims.get(rule.claim)):
        return False
    if not rule.domains:
        return True
    domain = (user.email or "").rpartition("@")[2]
    return domain in {each.lower() for each in rule.domains}


def _words(value: Any) -> set[str]:
    """The texts that a claim is, or holds."""
    values = value if isinstance(value, list) else [value]
    return {
        str(each).lower() if isinstance(each, bool) else str(each)
        for each in values
        if isinstance(each, str | int)
    }


def _agent(rule: IdentityRule, user: _User, desk: PeopleDesk) -> Owner:
    agents = desk.settings.agents
    if rule.agent is not None:
        id: str | None = rule.agent
    elif rule.by == EMAIL:
        id = _agent_by_email(user, desk)
        if id is not None:
            _check_free(Owner(actor=f"agent/{id}"), user, desk)
    else:
        said = user.claims.get(rule.by or "")
        id = said if isinstance(said, str) else None
    if id is None or id not in agents:
        raise NobodyHere(
            "no-agent",
            f"{user.provider.title or user.provider.id} knows you, and no agent of this desk is "
            "you: an admin adds [agents.ID], or another rule",
        )
    if not agents[id].active:
        raise NobodyHere("owner-gone", f"agent {id} is retired")
    return Owner(actor=f"agent/{id}")


def _agent_by_email(user: _User, desk: PeopleDesk) -> str | None:
    person = _known_person(user, desk)
    if person is None:
        return None
    found = [
        agent.id
        for agent in desk.settings.agents.values()
        if agent.person is not None and survivor(agent.person, _loader(desk)) == person
    ]
    return found[0] if len(found) == 1 else None


def _person(rule: IdentityRule, user: _User, desk: PeopleDesk) -> Owner:
    linked: Identity = desk.load_account(
        f"{KIND}/{identity_key(user.provider.issuer, user.subject)}"
    )
    if linked.owner is not None and linked.owner.kind == PERSON:
        return Owner(actor=f"{PERSON}/{survivor(linked.owner.id, _loader(desk))}")
    known = _known_person(user, desk)
    if known is not None:
        owner = Owner(actor=f"{PERSON}/{known}")
        _check_free(owner, user, desk)
        return owner
    if not rule.registers:
        raise NobodyHere(
            "no-person",
            f"{user.provider.title or user.provider.id} knows you, and nobody here has your e-mail "
            "address: `ticketlog person register` adds you, or a rule with `registers = true`",
        )
    return Owner(actor=_registered(user, desk))


def _check_free(owner: Owner, user: _User, desk: PeopleDesk) -> None:
    """Raises NobodyHere where another user of the provider acts as the owner already: the address
    by which the owner was found has gone to another human. All identities are looked at, which
    happens when a user comes for the first time."""
    for each in desk.load_accounts(KIND):
        same_provider = each.owner == owner and each.issuer == user.provider.issuer
        if same_provider and each.subject != user.subject:
            raise NobodyHere(
                "address-of-another",
                f"another user of {user.provider.title or user.provider.id} acts as {owner}, who "
                "has your e-mail address: an agent gives the address to whom it belongs, or an "
                f"admin unlinks the other one (`ticketlog identity unlink {each.id}`)",
            )


def _known_person(user: _User, desk: PeopleDesk) -> str | None:
    """The person who has the user's verified address; None: nobody has."""
    if user.email is None:
        raise NobodyHere(
            "unverified",
            f"{user.provider.title or user.provider.id} doesn't say that your e-mail address is "
            "verified, so nobody can be found by it",
        )
    load = _loader(desk)
    found = desk.persons_with(Address(kind="email", value=user.email))
    persons = {survivor(each, load) for each in found}
    if len(persons) > 1:
        raise NobodyHere(
            "ambiguous", "several persons have your e-mail address: an agent merges them first"
        )
    return next(iter(persons), None)


def _registered(user: _User, desk: PeopleDesk) -> str:
    """The stream of the person who is registered for the user: the same, however often."""
    email, name = user.email, user.claims.get("name")
    assert email is not None
    fit = flat(name)[:200] if isinstance(name, str) else ""
    register = RegisterPerson(
        name=None if blank(fit) else fit,
        addresses=(Address(kind="email", value=email, verified=True),),
    )
    id = derived_id(KIND, user.provider.issuer, user.subject)
    try:
        return desk.register_signed_in(register, id=id).stream
    except Refused as refusal:
        # Another sign-in, or an agent, gave the address to somebody at the same time.
        known = _known_person(user, desk)
        if known is None:
            raise NobodyHere("not-registered", str(refusal)) from refusal
        return f"{PERSON}/{known}"


def _loader(desk: PeopleDesk) -> Callable[[str], Any]:
    return lambda stream: desk.load(stream) if kind_and_id(stream)[0] == PERSON else None
