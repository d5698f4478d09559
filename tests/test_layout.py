"""The shape of the source: directions of imports, pure code, sizes, names and docstrings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "ticketlog"
FILES = sorted(PACKAGE.rglob("*.py"))
EVERYWHERE = sorted(
    file
    for folder in ("src", "replay", "benchmarks", "broker", "tests", "examples")
    for file in (ROOT / folder).rglob("*.py")
)

DIRECTIONS: dict[str, set[str]] = {
    "domain": set(),
    "domain/accounts": set(),
    "domain/parties": set(),
    "domain/settings": set(),
    "domain/sla": set(),
    "domain/ticket": set(),
    "domain/ticket/sla": set(),
    "domain/time": set(),
    "policies": {"domain"},
    "support": set(),
    "documents": {"domain"},
    "log": {"domain", "errors"},
    "log/index": {"domain", "errors"},
    "log/kafka": {"domain", "errors", "support"},
    "log/eventsourcing": {"domain", "errors", "support"},
    "projections": {"domain"},
    "projections/views": {"documents", "domain"},
    "projections/views/gaming": {"documents", "domain"},
    "projections/views/reports": {"documents", "domain", "policies"},
    "projections/views/shared": {"documents", "domain"},
    "projections/views/sla": {"documents", "domain"},
    "projections/views/utilisation": {"documents", "domain"},
    "projections/engine": {"documents", "domain", "errors", "log", "support"},
    "projections/engine/dialects": {"errors", "support"},
    "application": {
        "config",
        "documents",
        "domain",
        "errors",
        "log",
        "policies",
        "projections",
        "settings_files",
        "support",
    },
    "process_managers": {
        "application",
        "documents",
        "domain",
        "errors",
        "log",
        "policies",
        "support",
    },
    "process_managers/webhooks": {
        "application",
        "documents",
        "domain",
        "errors",
        "log",
        "publishing",
    },
    "importing": {"documents", "domain", "errors", "log"},
    "publishing": {"documents", "domain", "errors", "log"},
    "settings_files": {"domain", "errors"},
    "settings_files/calendars": {"domain", "errors"},
    "demo": {
        "application",
        "documents",
        "domain",
        "errors",
        "log",
        "policies",
        "process_managers",
        "settings_files",
    },
    "service": {"application", "desk", "documents", "domain", "errors", "log", "support"},
    "http": {
        "application",
        "desk",
        "documents",
        "domain",
        "errors",
        "log",
        "projections",
        "publishing",
        "service",
        "settings_files",
        "support",
    },
    "http/zendesk": {"application", "desk", "documents", "domain", "errors", "log", "projections"},
}
"""Room -> what of ours its files may import, besides the rooms of their own part (what stands
before the first slash)."""
TOP: dict[str, set[str]] = {"errors": set(), "config": {"errors"}}
"""The same for files at the top. Those that are not named may import everything but `cli`."""
FACE = ("commands", "events", "queries")
SCREENS = {"cli", "cli/commands"}
"""Rooms that may import everything, and that nothing else imports."""

PURE_LIBRARIES = {
    *("__future__", "abc", "bisect", "calendar", "collections", "dataclasses", "datetime"),
    *(
        "decimal",
        "enum",
        "fractions",
        "functools",
        "graphlib",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
    ),
    *("math", "operator", "re", "string", "types", "typing", "unicodedata", "urllib", "zoneinfo"),
    *("orjson", "pydantic", "pydantic_core", "sqlalchemy"),
}
IMPURE_CALLS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "open",
    "print",
    "input",
    "exec",
    "eval",
    "__import__",
}
LARGEST_FUNCTION = 50


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def module_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file) for file in FILES}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, late imports and those for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}:{node.lineno}: write imports in full"
            base = node.module or ""
            found.add(base)
            found.update(m for a in node.names if (m := f"{base}.{a.name}") in MODULES)
    return found


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def own_imports(file: Path) -> set[str]:
    """The other parts of ticketlog that a file imports."""
    ours = {module for module in imports(file) if module.split(".")[0] == "ticketlog"}
    return {part_of(module) for module in ours - {"ticketlog"}} - {part_of(module_of(file))}


def room_of(file: Path) -> str:
    """The folder that a file is in, below the package; empty at the top."""
    return file.parent.relative_to(PACKAGE).as_posix().removeprefix(".")


def is_pure(file: Path) -> bool:
    return room_of(file).startswith(("domain", "policies", "projections/views"))


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def each(files: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", files, ids=name)


@each(FILES)
def test_imports_go_one_way(file: Path) -> None:
    room, found = room_of(file), own_imports(file)
    if room in SCREENS:
        return
    assert "cli" not in found
    allowed = DIRECTIONS[room] if room else TOP.get(file.stem, found)
    assert found <= allowed


def test_views_see_of_the_engine_what_they_are_made_of() -> None:
    """Neither a log nor a runner."""
    engine = f"{PACKAGE.name}.projections.engine"
    seen = {
        module
        for file in FILES
        if room_of(file).startswith("projections/views")
        for module in imports(file)
        if module in MODULES and module.startswith(engine)
    }
    parts = ("projection", "query", "moment", "dialects", "words")
    assert seen <= {engine, *(f"{engine}.{part}" for part in parts)}


def test_folders_of_tests_are_named_after_rooms() -> None:
    """But those that tests/README.md names."""
    tests = ROOT / "tests"
    besides = set(
        re.findall(r"^- `(\w+)/`", (tests / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    folders = {file.parent.relative_to(tests).as_posix() for file in tests.rglob("test_*.py")}
    apart = {folder for folder in folders if folder.partition("/")[0] in besides}
    assert folders - apart - {"."} <= {room_of(file) for file in FILES}


def test_every_room_stands_in_the_table_of_the_architecture() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([\w/]+)/` \| .* \| ([^|]*) \|$", page, re.MULTILINE))
    rooms = {room for file in FILES if (room := room_of(file))}
    assert set(told) == rooms == {*DIRECTIONS, *SCREENS}
    for room, allowed in DIRECTIONS.items():
        assert set(re.findall(r"`(\w+)`", told[room])) == allowed, room


def test_at_the_top_stands_the_face_and_what_holds_all_together() -> None:
    top = {file.stem for file in FILES if not room_of(file)}
    assert top == {"__init__", *FACE} | {"config", "desk", "docs", "errors"}


SHARED_NAMES = {
    "the document of the thing of that name": {
        *("Address", "Agent", "AppliedSettings", "Batch", "Candidate", "Clock", "Differing"),
        *("Edition", "Event"),
        *("Findings", "InUse", "Organisation", "Outcome", "Parked", "Person", "Refused", "Shift"),
        *("Simulated", "Target", "Ticket", "VerifiedView", "Withdrawal"),
    },
    "the answer of the query of that name": {
        *("AddressOwners", "CorrectedSince", "Inbox", "Persons", "Queue", "QueueCounts"),
        *("SnoozedTickets", "Survivor", "TicketBreaches", "TicketClocks", "TicketCounts"),
        *("TicketIntervals", "TicketLinks", "UnseenTickets"),
    },
}
"""Why a class of `documents/` may be called as one elsewhere -> the names. A document of anything
else has a name of its own."""


def test_no_two_public_classes_share_a_name_but_for_a_listed_reason() -> None:
    homes: dict[str, list[str]] = {}
    for file in FILES:
        for node in tree(file).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(room_of(file))
    shared = {each: rooms for each, rooms in homes.items() if len(rooms) > 1}
    assert set(shared) == set().union(*SHARED_NAMES.values())
    assert {len(rooms) - rooms.count("documents") for rooms in shared.values()} == {1}


def test_the_command_line_prints_documents_and_fills_none() -> None:
    """They are made in the application, where HTTP finds them, too."""
    found = {
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in FILES
        if room_of(file) in SCREENS
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and node.attr in ("filled", "model_validate")
    }
    assert not found


MADE_IN = {
    "Commit": {"log/commit.py", "log/eventsourcing/recorder.py"},
    "Meta": {"domain/recording.py", "log/commit.py", "log/codec.py"},
    "Recorded": {"domain/recording.py"},
}
"""What a commit is made of -> the files that make it: of a decision, of bytes (the codec, which
makes its `Recorded` of the kind that it is given), and of the events of another program."""


def test_commits_and_their_events_are_made_in_one_place() -> None:
    made: dict[str, set[str]] = {}
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                what = ast.unparse(node.args[0]) if called == "bare" else called
                if what != "msgspec.Meta" and (kind := what.split(".")[-1]) in MADE_IN:
                    made.setdefault(kind, set()).add(file.relative_to(PACKAGE).as_posix())
    assert made == MADE_IN


def test_facets_of_the_ticket_are_one_file_each_and_ask_one_way() -> None:
    room = f"{PACKAGE.name}.domain.ticket"
    graph = {
        module_of(file): {each for each in imports(file) if each.startswith(f"{room}.")}
        for file in FILES
        if module_of(file).startswith(f"{room}.")
    }
    TopologicalSorter(graph).prepare()
    assert not [module for module in graph if module.endswith("_rules")]
    facets = {
        module_of(file)
        for file in FILES
        if module_of(file) in graph
        and any(
            isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "DECIDE"
            for n in tree(file).body
        )
    }
    assert len(facets) > 10
    assert not graph[f"{room}.evolution"] & facets


def test_parts_do_not_import_each_other_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for file in FILES:
        if part := part_of(module_of(file)):
            graph.setdefault(part, set()).update(own_imports(file))
    TopologicalSorter(graph).prepare()


@each([file for file in FILES if is_pure(file)])
def test_pure_code_touches_nothing(file: Path) -> None:
    libraries = {module.split(".")[0] for module in imports(file)} - {"ticketlog"}
    assert libraries <= PURE_LIBRARIES
    calls = {
        (ast.unparse(node.func), node.lineno)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
    }
    assert not [(call, line) for call, line in calls if call in IMPURE_CALLS]


def test_every_sqlite_file_is_opened_with_the_library_that_has_no_wal_reset_bug() -> None:
    assert not [name(file) for file in FILES if "sqlite3" in imports(file)]


@each([file for file in FILES if "projections" in file.parts and file.parent.name != "dialects"])
def test_views_know_no_database_but_through_its_dialect(file: Path) -> None:
    own = ("pysqlite3", "sqlalchemy.dialects")
    assert not [module for module in imports(file) if module.startswith(own)]
    assert not re.search(r"exec_driver_sql|\bPRAGMA\b", file.read_text(encoding="utf-8"))


SQLITE_ELSEWHERE = {
    "projections/engine/dialects/sqlite.py",
    "support/scratch_sqlite.py",
    "application/linked_tickets.py",
    "process_managers/webhooks/deliveries.py",
}
"""The files besides the log, which is SQLite's own, that speak to SQLite: the dialect; the scratch
databases that it and the log make; and the links of a shown ticket, which are read without the
dialect, since all in `projections` loads SQLAlchemy, and that takes longer than all the rest of
showing a ticket (docs/decisions/047). That reader knows the view's file of the embedded database
alone, and gives the question back to the views for everything else. Of webhooks the notes of the
last deliveries, which are no truth."""


def test_sqlite_is_spoken_to_where_it_is_said() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in FILES
        if any(module.startswith("pysqlite3") for module in imports(file))
    }
    assert {path for path in found if not path.startswith("log/")} == SQLITE_ELSEWHERE


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"]]
    for extra in ("serve", "telemetry", "xlsx"):
        needs += extras[extra]
    declared = {canonical(re.split(r"[^\w.-]", need)[0]) for need in needs}
    owners = packages_distributions()
    used = {module.split(".")[0] for file in FILES for module in imports(file)}
    libraries = used - set(sys.stdlib_module_names) - {"ticketlog", "replay"}
    undeclared = {
        library
        for library in libraries
        if not {canonical(owner) for owner in owners.get(library, [])} & declared
    }
    assert not undeclared - {"pydantic_core"}


def test_the_lock_holds_every_library_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (ROOT / "requirements.lock").read_text()
    locked = {canonical(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    missing = {canonical(re.split(r"[^\w.-]", need)[0]) for need in needs} - locked
    assert not missing, "make lock"
    assert "://" not in lock


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@each(EVERYWHERE)
def test_functions_are_short(file: Path) -> None:
    sizes = {
        f"{node.name} at line {node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {where: size for where, size in sizes.items() if size > LARGEST_FUNCTION}


@each([file for file in EVERYWHERE if file != Path(__file__)])
def test_nothing_is_left_for_later(file: Path) -> None:
    later = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert not [number for number, line in enumerate(lines, 1) if later.search(line)]


def test_every_module_is_used() -> None:
    used = {"ticketlog", "ticketlog.policies"}
    used |= {"ticketlog.cli", "ticketlog.docs", *(f"ticketlog.{each}" for each in FACE)}
    for file in FILES:
        used |= {found for found in imports(file) | strings(file) if found != module_of(file)}
    for module in list(used):
        used |= {module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)}
    unused = MODULES - used
    assert not unused


def strings(file: Path) -> set[str]:
    """Modules that a file names in a string, to load them late or for another library."""
    texts = (node.value for node in ast.walk(tree(file)) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str)} & MODULES


HEADING = re.compile(r"## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    releases = re.findall(r"^## .*$", text, re.MULTILINE)
    headings = [HEADING.fullmatch(line) for line in releases]
    assert releases
    assert all(headings), releases
    assert releases[0] == "## [Unreleased]"
    days = [date.fromisoformat(heading[2]) for heading in headings[1:] if heading]
    assert days == sorted(days, reverse=True)
    sections = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(sections) <= KINDS
    assert not re.search(r"^### .*\n+(?=#|\Z)", text, re.MULTILINE), "an empty section"


RIDDLE = re.compile(r"(?:What|Who|Whom|Whose|Where|How|Whoever|Those who|That which)\b")
"""Beginnings of a docstring that tell the reader to guess. 'Whether' begins that of a predicate."""
PRONOUNS = {"ours", "theirs", "others", "whoever", "whomever", "somebody"}
"""Words for an actor or a thing that has a name."""


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """The docstrings of a file's modules, classes and functions, with their lines. Those of the
    shell's commands are help texts, which people read."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef) and any(map(is_command, node.decorator_list)):
            continue
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text


def is_command(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0].endswith("command")


def identifiers(file: Path) -> Iterator[tuple[int, str]]:
    """The names that a file gives to things, with their lines."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def findings(file: Path) -> Iterator[str]:
    for line, text in docstrings(file):
        if riddle := RIDDLE.match(text):
            yield f"line {line}: a docstring begins with {riddle[0]!r}: name the thing"
        if pronouns := words_of(text) & PRONOUNS:
            yield f"line {line}: a docstring says {', '.join(sorted(pronouns))}: name the actor"
    for line, identifier in identifiers(file):
        if pronouns := words_of(identifier) & PRONOUNS:
            yield f"line {line}: {identifier} is named after {', '.join(sorted(pronouns))}"


def test_the_rules_find_what_they_are_for(tmp_path: Path) -> None:
    file = tmp_path / "riddles.py"
    file.write_text(
        '"""What it is."""\n'
        "def _f(others: int) -> None:\n"
        '    """Waits for whoever comes."""\n'
        "    theirs = others\n"
    )
    assert [finding.partition(":")[0] for finding in findings(file)] == [
        *("line 1", "line 3", "line 2", "line 4")
    ]


@each(FILES)
def test_docstrings_and_names_say_what_a_thing_is(file: Path) -> None:
    assert list(findings(file)) == [], name(file)
