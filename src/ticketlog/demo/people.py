"""The people of the simulation: organisations, and the persons who ask for help."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from ticketlog.demo.library import people
from ticketlog.demo.world import World
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.parties.contact import AddAddress, Address, VerifyAddress
from ticketlog.domain.parties.organisation import (
    Organisation,
    RegisterOrganisation,
    SetOrganisationContract,
    SetOrganisationTier,
)
from ticketlog.domain.parties.person import (
    MergePerson,
    RegisterPerson,
    RenamePerson,
    SetPersonLocale,
)

CHANGES = ("rename", "move", "verify", "phone", "merge", "contract")
"""Kinds of changes to persons and organisations."""
NEWCOMERS = 0.01
"""The part of calls that come from new persons."""
CLERK = Actor("directory-sync", "service", "service")


@dataclass(slots=True)
class Caller:
    """A person who asks for help."""

    id: str
    name: str
    organisation: str
    language: str

    @property
    def first(self) -> str:
        return self.name.partition(" ")[0]

    def actor(self, channel: str, role: str = "requester") -> Actor:
        return Actor(self.id, "person", role, authenticated=channel)


class Cast:
    """All callers, and the organisations that they work for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = world.dice
        self.people = people()
        self.callers: dict[str, list[Caller]] = {each: [] for each in self.people.countries}
        self.colleagues: dict[str, list[Caller]] = {}
        self.organisations = [self._register(name) for name in self.people.organisations]
        self._names: set[str] = set()
        for organisation in self.organisations:
            for _ in range(self.people.tiers[organisation.tier or "bronze"]):
                self.hire(organisation)

    def _register(self, name: str) -> Organisation:
        entry = self.people.organisations[name]
        home = self.people.countries[entry["language"]]
        command = RegisterOrganisation(
            name=name,
            tier=entry["tier"],
            contract=entry.get("contract"),
            language=entry["language"],
            country=home.country,
            zone=home.zone,
            domains=(f"{_plain(name.split()[0])}.example",),
        )
        registered: Organisation = self.world.begin(command, CLERK, "api")
        return registered

    def hire(self, organisation: Organisation) -> Caller:
        """Registers a new person of the organisation, who may call from now on."""
        language = organisation.language or "en"
        name = self._new_name(language)
        mail = f"{_plain(name)}@{organisation.domains[0]}"
        command = RegisterPerson(
            name=name,
            addresses=(Address(kind="email", value=mail, verified=self.dice.chance(0.8)),),
            organisation=organisation.id,
            language=language,
            country=organisation.country,
            zone=organisation.zone,
        )
        person = self.world.begin(command, CLERK, "api")
        caller = Caller(person.id, name, organisation.id, language)
        self.callers[language].append(caller)
        self.colleagues.setdefault(organisation.id, []).append(caller)
        return caller

    def caller(self, language: str) -> Caller:
        """A caller who speaks that language."""
        if self.dice.chance(NEWCOMERS):
            speaking = [o for o in self.organisations if o.language == language]
            return self.hire(self.dice.pick(speaking))
        return self.dice.pick(self.callers[language])

    def colleague(self, caller: Caller) -> Caller | None:
        """Another caller of the same organisation; None: none was found."""
        other = self.dice.pick(self.colleagues[caller.organisation])
        return other if other is not caller else None

    def change(self) -> None:
        """Makes a change that the directory reports: of a name, an address, a contract, or a
        merge."""
        caller = self.dice.pick(self.callers[self.dice.pick(tuple(self.callers))])
        match self.dice.pick(CHANGES):
            case "merge":
                self._merge(caller)
            case "contract":
                self._renegotiate()
            case what:
                person = self.world.state_of(f"person/{caller.id}")
                self.world.act(person, self._change(what, caller), CLERK, "api")

    def _change(self, what: str, caller: Caller) -> Command:
        if what == "rename":
            last = self.dice.pick(self.people.countries[caller.language].last)
            caller.name = f"{caller.first} {last}"
            return RenamePerson(name=caller.name)
        if what == "move":
            home = self.dice.pick(tuple(self.people.countries.values()))
            return SetPersonLocale(country=home.country, zone=home.zone)
        if what == "phone":
            number = f"+44 20 {self.dice.whole(1_000_000, 9_999_999)}"
            return AddAddress(kind="phone", value=number)
        mail = self.world.state_of(f"person/{caller.id}").addresses[0]
        return VerifyAddress(kind=mail.kind, value=mail.value)

    def _merge(self, caller: Caller) -> None:
        """Merges a second registration of the caller, under another address, into the first."""
        mail = Address(kind="email", value=f"{_plain(caller.name)}.{caller.id[:4]}@mail.example")
        twice = self.world.begin(
            RegisterPerson(name=caller.name, addresses=(mail,), language=caller.language),
            CLERK,
            "email",
        )
        self.world.act(twice, MergePerson(into=caller.id), CLERK, "api")

    def _renegotiate(self) -> None:
        chosen = self.dice.pick(self.organisations)
        state = self.world.state_of(f"organisation/{chosen.id}")
        tier = self.dice.pick(tuple(self.people.tiers))
        contract = "full-service" if tier in ("platinum", "gold") else "office-hours"
        state = self.world.act(state, SetOrganisationTier(tier=tier), CLERK, "api")
        self.world.act(state, SetOrganisationContract(contract=contract), CLERK, "api")

    def _new_name(self, language: str) -> str:
        """A name that isn't taken; once names run out, one with a number."""
        home = self.people.countries[language]
        name = ""
        for _ in range(20):
            name = f"{self.dice.pick(home.first)} {self.dice.pick(home.last)}"
            if name not in self._names:
                break
        else:
            name = f"{name} {len(self._names)}"
        self._names.add(name)
        return name


def _plain(name: str) -> str:
    """The name as it stands in an address: without accents."""
    dotted = name.casefold().replace("\u0131", "i")
    letters = unicodedata.normalize("NFKD", dotted)
    return "".join(c for c in letters if c.isascii()).replace(" ", ".")
