"""Names and docstrings: the noun that the field uses, no riddles, no pronouns for actors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.test_layout import FILES, each, name, room_of, tree

RIDDLE = re.compile(r"(?:What|Who|Whom|Whose|Where|How|Whoever|Those who|That which)\b")
"""Beginnings of a docstring that tell the reader to guess. 'Whether' begins that of a predicate."""
PRONOUNS = {"ours", "theirs", "others", "whoever", "whomever", "somebody"}
"""Words for an actor or a thing that has a name."""
UNDONE = {
    "application",
    "cli/commands",
    "documents",
    "domain/settings",
    "importing",
    "projections",
    "projections/engine",
    "projections/views",
    "projections/views/gaming",
    "projections/views/reports",
    "projections/views/shared",
    "projections/views/sla",
    "projections/views/utilisation",
    "settings_files",
    "settings_files/calendars",
}
"""Rooms whose docstrings aren't rewritten yet."""


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """The docstrings of a file's modules, classes and functions, with their lines."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text


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


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def findings(file: Path) -> Iterator[str]:
    for line, text in docstrings(file):
        if riddle := RIDDLE.match(text):
            yield f"line {line}: a docstring begins with {riddle[0]!r}: name the thing"
        if pronouns := words(text) & PRONOUNS:
            yield f"line {line}: a docstring says {', '.join(sorted(pronouns))}: name the actor"
    for line, identifier in identifiers(file):
        if pronouns := words(identifier) & PRONOUNS:
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


@each([file for file in FILES if room_of(file) not in UNDONE])
def test_docstrings_and_names_say_what_a_thing_is(file: Path) -> None:
    assert list(findings(file)) == [], name(file)
