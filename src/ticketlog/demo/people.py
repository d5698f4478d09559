"""Who takes part: organisations, and the persons who ask."""

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
"""What happens to persons and organisations in the course of time."""
NEWCOMERS = 0.01
"""How many calls come from somebody who has never called before."""
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
    """Everybody who may call, and the organisations they work for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = world.dice
        self.people = people()
        self.callers: dict[str, list[Caller]] = {each: [] for each in self.people.countries}
        self.colleagues: dict[str, list[Caller]] = {}
        self.organisations = [self._found(name) for name in self.people.organisations]
        self._names: set[str] = set()
        for organisation in self.organisations:
            for _ in range(self.people.tiers[organisation.tier or "bronze"]):
                self.hire(organisation)

    def _found(self, name: str) -> Organisation:
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
        founded: Organisation = self.world.begin(command, CLERK, "api")
        return founded

    def hire(self, organisation: Organisation) -> Caller:
        """A new person of the organisation, who will call from now on."""
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
        """Somebody who calls in that language."""
        if self.dice.chance(NEWCOMERS):
            speaking = [o for o in self.organisations if o.language == language]
            return self.hire(self.dice.pick(speaking))
        return self.dice.pick(self.callers[language])

    def colleague(self, caller: Caller) -> Caller | None:
        """Somebody else of the same organisation."""
        other = self.dice.pick(self.colleagues[caller.organisation])
        return other if other is not caller else None

    def change(self) -> None:
        """Somebody marries, moves, is found twice: what the directory hears of."""
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
        """The caller had been registered a second time under another address."""
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
        """A name that nobody has yet; once they run out, one with a number."""
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
