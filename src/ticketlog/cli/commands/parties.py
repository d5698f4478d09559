"""`ticketlog person|organisation|agent ...`: who asks, whom they belong to, who works."""

from __future__ import annotations

from typing import Any

from ticketlog.cli.framework import Entry, Form, FormGroup

_P = "7QK2M9ABCD4F"


def _address(text: str) -> Any:
    """'email:ann@example.com'."""
    from ticketlog.domain.parties.contact import Address
    from ticketlog.errors import Usage

    kind, colon, value = text.partition(":")
    if not colon or kind not in ("email", "phone", "handle") or not value:
        raise Usage(f"{text!r} is no address: write email:ADDRESS, phone:NUMBER or handle:NAME")
    return Address(kind=kind, value=value)  # type: ignore[arg-type]


def _shift(text: str) -> Any:
    """'mon 09:00-17:00'."""
    from pydantic import ValidationError

    from ticketlog.domain.time.shifts import Shift
    from ticketlog.errors import Usage

    day, _, hours = text.strip().partition(" ")
    start, _, end = hours.partition("-")
    try:
        return Shift(day=day, start=start, end=end)  # type: ignore[arg-type]
    except ValidationError:
        raise Usage(f"{text!r} is no shift: write 'mon 09:00-17:00'") from None


_LOCALE = "Set language, country or time zone."

person = FormGroup(
    "person",
    help="Register and change those who ask and are answered.",
    others={
        "show": Entry(
            "ticketlog.cli.commands.party_reads", "show_person", "Show a person, now or then."
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads",
            "history_person",
            "Show what happened to a person.",
        ),
        "find": Entry(
            "ticketlog.cli.commands.party_reads", "find_person", "Find persons by address or name."
        ),
    },
    forms={
        "register": Form(
            "Make a person known; without a name, by an address.",
            (
                'ticketlog person register "Anna Ruiz" --address email:anna@example.com',
                "ticketlog person register --address phone:+493012345678 --language de",
            ),
            positional=("name",),
            options={"addresses": "address"},
            readers={"addresses": _address},
            creates=True,
        ),
        "rename": Form(
            "Give a person another name.",
            (f'ticketlog person rename {_P} "Anna Ruiz-Maier"',),
            positional=("name",),
        ),
        "add-address": Form(
            "Add an address, or verify the one that is there.",
            (f"ticketlog person add-address {_P} email anna@example.org --verified",),
            positional=("kind", "value"),
        ),
        "remove-address": Form(
            "Take an address away.",
            (f"ticketlog person remove-address {_P} email anna@example.com",),
            positional=("kind", "value"),
        ),
        "verify-address": Form(
            "Say that the person showed an address to be theirs.",
            (f"ticketlog person verify-address {_P} email anna@example.org",),
            positional=("kind", "value"),
        ),
        "set-organisation": Form(
            "Move a person to another organisation; without one, to none.",
            (f"ticketlog person set-organisation {_P} --organisation ABCD4F7QK2M9",),
        ),
        "set-locale": Form(_LOCALE, (f"ticketlog person set-locale {_P} --zone Europe/Berlin",)),
        "merge": Form(
            "Say that a person is the same as another one, who stays.",
            (f"ticketlog person merge {_P} 9ABCD4F7K2MQ",),
            positional=("into",),
        ),
        "unmerge": Form(
            "Take a merge back: the person is another one after all.",
            (f"ticketlog person unmerge {_P} --reason 'father and son'",),
        ),
    },
)

organisation = FormGroup(
    "organisation",
    help="Register and change organisations.",
    others={
        "show": Entry(
            "ticketlog.cli.commands.party_reads",
            "show_organisation",
            "Show an organisation, now or then.",
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads",
            "history_organisation",
            "Show what happened to an organisation.",
        ),
    },
    forms={
        "register": Form(
            "Make an organisation known.",
            ('ticketlog organisation register "Acme GmbH" --tier gold --domains acme.example',),
            positional=("name",),
            creates=True,
        ),
        "rename": Form(
            "Give it another name.",
            (f'ticketlog organisation rename {_P} "Acme AG"',),
            positional=("name",),
        ),
        "set-tier": Form(
            "Set its tier; without one, none.",
            (f"ticketlog organisation set-tier {_P} --tier gold",),
        ),
        "set-contract": Form(
            "Set its contract; without one, none.",
            (f"ticketlog organisation set-contract {_P} --contract premium",),
        ),
        "set-locale": Form(_LOCALE, (f"ticketlog organisation set-locale {_P} --country DE",)),
        "set-domains": Form(
            "Set the mail domains of its people, all of them.",
            (f"ticketlog organisation set-domains {_P} acme.example acme.test",),
            positional=("domains",),
        ),
    },
)

agent = FormGroup(
    "agent",
    help="Availability and shifts of agents; who they are is in the settings.",
    others={
        "show": Entry(
            "ticketlog.cli.commands.party_reads", "show_agent", "Show an agent, now or then."
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads", "history_agent", "Show what happened to an agent."
        ),
        "list": Entry(
            "ticketlog.cli.commands.party_reads", "list_agents", "List agents and their load."
        ),
    },
    forms={
        "set-availability": Form(
            "Say that an agent is online, away or offline.",
            ("ticketlog agent set-availability bob away --reason lunch",),
            positional=("availability",),
        ),
        "set-shifts": Form(
            "Set an agent's weekly working hours, all of them.",
            ('ticketlog agent set-shifts bob "mon 09:00-17:00" --zone Europe/Berlin',),
            positional=("shifts",),
            readers={"shifts": _shift},
        ),
    },
)
