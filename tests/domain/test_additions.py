"""A kind of aggregate is a module and its line in the list, a command is in one file: everything
else follows from that. Each is tried in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ticketlog

ROOT = Path(__file__).parents[2]


def copied(folder: Path) -> Path:
    """The package in a folder of its own."""
    source = Path(ticketlog.__file__).parent
    shutil.copytree(source, folder / "ticketlog", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "ticketlog"


def edited(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, (file, old)
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def run(package: Path, code: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, env=env(package), check=True)


def env(package: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(package.parent)}


GADGET = '''
"""Gadgets that are painted: streams `gadget/ID`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ticketlog.domain.base import (
    Aggregate, Command, CommandSpec, Context, Event, Key, NotFound, Recorded,
)
from ticketlog.domain.parties.party import Party, after
from ticketlog.domain.rights import SELF, STAFF


class GadgetBuilt(Event):
    """A gadget came to be."""

    NAME: ClassVar[str] = "gadget.built.v1"
    name: Key


class GadgetPainted(Event):
    """It got a coat."""

    NAME: ClassVar[str] = "gadget.painted.v1"


@dataclass(frozen=True)
class Gadget(Party):
    name: str = ""
    coats: int = 0


class Build(Command):
    NAME: ClassVar[str] = "gadget.build"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF}), help="Build one.", positional=("name",)
    )
    name: Key


class Paint(Command):
    NAME: ClassVar[str] = "gadget.paint"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    coats: int


class Melt(Command):
    NAME: ClassVar[str] = "gadget.melt"


def initial(id: str) -> Gadget:
    return Gadget(id=id)


def evolve(gadget: Gadget, recorded: Recorded) -> Gadget:
    changes = {}
    match recorded.event:
        case GadgetBuilt(name=name):
            changes = {"name": name}
        case GadgetPainted():
            changes = {"coats": gadget.coats + 1}
    return gadget.but(after(gadget, recorded, changes))


def decide(command: Command, gadget: Gadget, context: Context) -> list[Event]:
    match command:
        case Build(name=name):
            return [GadgetBuilt(name=name)]
        case Paint(coats=coats) if gadget.exists:
            return [GadgetPainted()] * coats
    raise NotFound("no such gadget")


AGGREGATE = Aggregate(
    kind="gadget",
    streams="Streams `gadget/ID` of the ticket log: how they look.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=(Build, Paint, Melt),
    events=(GadgetBuilt, GadgetPainted),
    of_actor="agent",
    public=PUBLIC,
)
'''
USED = """
import sys
from pathlib import Path

from ticketlog import Actor, docs, init_desk, open_desk
from ticketlog.domain.base import Forbidden
from ticketlog.domain.gadget import Build, GadgetBuilt, GadgetPainted, Melt, Paint
from ticketlog.publishing.cloudevent import PUBLIC, is_public

folder, public = Path(sys.argv[1]), sys.argv[2] == "True"
ann = Actor("ann", "agent")
with init_desk(folder, admin=ann) as desk:
    for id in ("ann", "bob"):
        desk.execute(Build(name="lamp"), on=f"gadget/{id}", actor=ann)
    desk.execute(Paint(coats=300), on="gadget/ann", actor=ann)
    for command, on in ((Paint(coats=1), "gadget/bob"), (Melt(), "gadget/ann")):
        assert not desk.may(ann, type(command), on)
        try:
            desk.execute(command, on=on, actor=ann)
        except Forbidden:
            continue
        raise AssertionError(f"{command} was let through")
assert b"gadget.state.v1" in (folder / "snapshots.db").read_bytes()
with open_desk(folder) as desk:
    state = desk.load("gadget/ann")
    assert (state.name, state.coats, state.version) == ("lamp", 300, 300)
    history = desk.history("gadget/bob")
    assert [each.event for each in history] == [GadgetBuilt(name="lamp")]
    assert [is_public(each) for each in history] == [public]
assert (GadgetBuilt.NAME in PUBLIC) is public
assert ("gadget.built.v1" in docs.PAGES[Path("docs/contract/asyncapi.json")]()) is public
events = docs.events_page()
assert "## Gadget\\n\\nStreams `gadget/ID` of the ticket log: how they look.\\n" in events
assert "| `gadget.painted.v1` | It got a coat. |" in events
assert "`gadget.build` | any agent |" in docs.rights_page()
assert "Build" in docs.commands_module() and "GadgetPainted" in docs.events_module()
assert '"gadget": {\\n        "build": "Build one.",\\n' in docs.model_commands_module()
"""


def listed(package: Path, text: str) -> None:
    """Adds a module of gadgets to the list of kinds."""
    (package / "domain" / "gadget.py").write_text(text, encoding="utf-8")
    edited(
        package / "domain" / "aggregates.py",
        ("    imports.AGGREGATE,\n", "    imports.AGGREGATE,\n    gadget.AGGREGATE,\n"),
        (
            "from ticketlog.domain import hook_message,",
            "from ticketlog.domain import gadget, hook_message,",
        ),
    )


@pytest.mark.parametrize("public", [True, False])
def test_a_kind_in_the_list_is_executed_folded_documented_and_published(
    tmp_path: Path, public: bool
) -> None:
    package = copied(tmp_path)
    listed(package, GADGET.replace("PUBLIC", str(public)))
    run(package, USED, str(tmp_path / "desk"), str(public))


GROUP = """
from ticketlog.cli.framework import ModelGroup

gadget = ModelGroup("gadget", reads={}, help="Gadgets.")
"""


@pytest.mark.parametrize("helped", [True, False])
def test_a_kind_s_group_has_its_commands_and_may_have_none(tmp_path: Path, helped: bool) -> None:
    package = copied(tmp_path / "src")
    text = GADGET.replace("PUBLIC", "False")
    listed(package, text if helped else text.replace('help="Build one.", ', ""))
    (package / "cli" / "commands" / "gadget.py").write_text(GROUP, encoding="utf-8")
    entry = '"gadget": Entry("ticketlog.cli.commands.gadget", "gadget", "Gadgets."),\n        '
    edited(package / "cli" / "root.py", ('"settings": Entry(', f'{entry}"settings": Entry('))

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=env(package),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    python("-m", "ticketlog.docs")
    python("-m", "ticketlog.docs", "--check")
    shown = python("-c", "from ticketlog.cli import run; run(['gadget', '--help'])")
    assert ("Commands:\n  build  Build one.\n" in shown) is helped
    assert ("Commands:" in shown) is helped
    assert "Reads:" not in shown


def test_a_kind_whose_streams_begin_at_another_version_is_refused(tmp_path: Path) -> None:
    package = copied(tmp_path)
    text = GADGET.replace("PUBLIC", "False")
    listed(package, text.replace("Gadget(id=id)", "Gadget(id=id, version=0)"))
    code = "import ticketlog.domain.aggregates"
    found = subprocess.run(
        [sys.executable, "-c", code], env=env(package), stderr=subprocess.PIPE, text=True
    )
    assert "AssertionError: gadget: `initial` must be at version -1, not 0" in found.stderr


FLAG = '''class Flagged(Event):
    """Somebody marked it with a colour."""

    NAME: ClassVar[str] = "ticket.flagged.v1"
    ASPECT: ClassVar[str] = "flag"
    colour: Key


class Flag(Command):
    NAME: ClassVar[str] = "ticket.flag"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF}),
        also_on=("spam",),
        help="Mark it with a colour.",
        examples=("ticketlog ticket flag 4F7K2M9QABCD red",),
        positional=("colour",),
    )
    colour: Key


def _flagged(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"tags": (*ticket.tags, "flagged")}


def _flag(command: Flag, ticket: Ticket, context: Context) -> list[Event]:
    return [Flagged(colour=command.colour)]


EVOLVE: Evolutions = {Flagged: _flagged, '''
FLAGGED = """
import sys
from pathlib import Path

from ticketlog import Actor, docs, init_desk
from ticketlog.commands import CreateTicket, MarkSpam, RegisterPerson, Solve, Close
from ticketlog.domain.base import Closed
from ticketlog.domain.ticket.work import Flag, Flagged

ann = Actor("ann", "agent")
with init_desk(Path(sys.argv[1]), admin=ann) as desk:
    kim = Actor(desk.execute(RegisterPerson(name="Kim"), actor=ann).stream[7:], "person")
    spam, closed = (desk.execute(CreateTicket(subject="x"), actor=ann).stream for _ in range(2))
    desk.execute(MarkSpam(), on=spam, actor=ann)
    desk.execute(Solve(), on=closed, actor=ann)
    desk.execute(Close(), on=closed, actor=ann)
    assert not desk.may(kim, Flag, spam)
    made = desk.execute(Flag(colour="red"), on=spam, actor=ann)
    assert [each.event for each in made.events] == [Flagged(colour="red")]
    assert desk.load(spam).tags == ("flagged",)
    try:
        desk.execute(Flag(colour="red"), on=closed, actor=ann)
    except Closed:
        pass
    else:
        raise AssertionError("a closed ticket took it")
    assert "`ticket.flag`" in docs.rights_page() and "`ticket.flagged.v1`" in docs.events_page()
Path(sys.argv[2]).write_text(docs.model_commands_module())
"""
ASKED = """
import sys

from ticketlog.cli import run
from ticketlog.cli.manual import cli_page

made = ["--desk", sys.argv[1], "--as", "agent:ann"]
assert "    ticketlog ticket flag 4F7K2M9QABCD red\\n" in cli_page()
assert run(["ticket", "create", "y", "--id", "1", *made]) == 0
from ticketlog.domain.base import stream_key
assert run(["ticket", "flag", stream_key("1"), "red", *made]) == 0
"""


def test_a_command_of_the_ticket_is_in_one_file(tmp_path: Path) -> None:
    package = copied(tmp_path)
    edited(
        package / "domain" / "ticket" / "work.py",
        ("EVOLVE: Evolutions = {", FLAG),
        ("DECIDE: Decisions = {", "DECIDE: Decisions = {Flag: _flag, "),
    )
    # Whose list is generated, as by `make docs`.
    listed = package / "cli" / "model_command_list.py"
    run(package, FLAGGED, str(tmp_path / "desk"), str(listed))
    run(package, ASKED, str(tmp_path / "desk"))
