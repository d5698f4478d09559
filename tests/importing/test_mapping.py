from __future__ import annotations

import re
from pathlib import Path

import pytest

from ticketlog.errors import Usage
from ticketlog.importing import load_mapping
from ticketlog.importing.mapping import (
    Columns,
    CommentColumns,
    FieldColumn,
    FileIs,
    Flag,
    Happening,
    LinkColumn,
    Mapping,
    PeopleFile,
    PersonColumn,
    RowsAre,
    StatusColumn,
    StatusWord,
    Time,
    When,
    WorkedColumn,
)

ROOT = Path(__file__).parents[2]
EXAMPLES = ("bpi2013-csv", "bpi2013-xes", "polato")
GOOD = """\
source = "old"
format = "csv"
rows = "event"

[columns]
case = "Case"
agent = { column = "Agent", ignore = ["robot-*"] }

[time]
column = "Time"

[status]
column = "Status"

[[status.words]]
status = "Open"
to = "open"

[[status.words]]
status = "Done"
to = "solved"
"""


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_mappings(example: str) -> None:
    assert load_mapping(ROOT / "examples" / f"{example}.toml").source


def test_a_mapping_says_where_its_keys_stand(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(GOOD)
    mapping = load_mapping(path)

    assert mapping.where(["columns", "agent", "ignore"]) == f"{path}:7:29"
    assert mapping.where(["status", "words", 1, "to"]) == f"{path}:21:1"


@pytest.mark.parametrize(
    ("good", "bad", "place", "what"),
    [
        ('source = "old"', "", "1:1", "source: is missing"),
        ('format = "csv"', 'format = "xls"', "2:1", "'csv', 'xlsx'"),
        ('case = "Case"', 'cases = "Case"', "6:1", "columns.cases: is no key"),
        ('case = "Case"', "", "5:2", "columns.case: is missing"),
        ('case = "Case"', "case = 7", "6:1", "columns.case"),
        ("ignore =", "ignores =", "7:29", "columns.agent.ignores: is no key"),
        ('column = "Agent"', 'columns = ["Agent"]', "7:11", "columns.agent.columns"),
        ('column = "Agent"', 'value = "x", column = "Agent"', "7:1", "one of column, columns"),
        ('column = "Time"', 'column = "Time"\nzone = "Mars/Olympus"', "11:1", "no time zone"),
        ('column = "Time"', 'column = "Time"\nzone = "+25:99"', "11:1", "time.zone"),
        ('column = "Time"', 'column = "Time"\nformats = ["nonsense"]', "11:1", "strptime"),
        ('column = "Time"', 'column = "Time"\nformats = ["%Q"]', "11:1", "strptime"),
        ('to = "solved"', 'to = "solved"\nsolved = true', "22:1", "status.words.1.solved"),
        ('"Done"', '"Open"', "12:2", "'Open' is there twice"),
        ('"Done"', '"Done"\nsubstatus = "x"', "12:2", "say which column"),
        ('"Done"\nto = "solved"', '"Done"\ncancelled = true', "19:10", "`to`"),
        ('format = "csv"', 'format = "csv"\nencoding = "utf-9"', "3:1", "'utf-9' is no encoding"),
        ('format = "csv"', 'format = "csv"\nencoding = "hex"', "3:1", "'hex' is no encoding"),
        ('format = "csv"', 'format = "csv"\ndelimiter = ""', "3:1", "delimiter"),
        ('format = "csv"', 'format = "xes"\ndelimiter = ";"', "1:1", "are for csv"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_column(
    tmp_path: Path, good: str, bad: str, place: str, what: str
) -> None:
    path = tmp_path / "mapping.toml"
    assert GOOD.count(good) == 1
    path.write_text(GOOD.replace(good, bad))

    with pytest.raises(Usage) as refusal:
        load_mapping(path)

    message = str(refusal.value)
    assert message.startswith(f"{path}:{place}: ")
    assert what in message
    assert "\n" not in message


def test_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text('source = "old"\nformat = csv\n')
    with pytest.raises(Usage, match="line 2, column"):
        load_mapping(path)


def test_a_file_that_cant_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    with pytest.raises(Usage, match=r"mapping\.toml can't be read: No such file"):
        load_mapping(path)
    path.write_bytes(b'source = "\xff"')
    with pytest.raises(Usage, match=r"mapping\.toml can't be read: it is not UTF-8"):
        load_mapping(path)


def test_the_mapping_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "IMPORT.md").read_text(encoding="utf-8")
    example = page[page.index("```toml\n") + len("```toml\n") :]
    path = tmp_path / "mapping.toml"
    path.write_text(example[: example.index("```")])

    mapping = load_mapping(path)

    assert mapping.status is not None
    assert [word.to for word in mapping.status.words] == ["pending", "on-hold"]
    assert mapping.fields["downtime"].kind == "integer"


def test_every_key_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "IMPORT.md").read_text(encoding="utf-8")
    models = (
        *(
            Mapping,
            RowsAre,
            FileIs,
            Columns,
            PersonColumn,
            FieldColumn,
            WorkedColumn,
            Time,
            StatusColumn,
        ),
        *(StatusWord, Flag, When, CommentColumns, LinkColumn, Happening, PeopleFile),
    )
    keys = {each.alias or key for model in models for key, each in model.model_fields.items()}
    missing = sorted(key for key in keys if f"`{key}`" not in page)
    assert [key for key in missing if f"### [{key}]" not in page] == []
    assert "### [[events]]" in page
    assert "### [[links]]" in page


def test_every_kind_of_problem_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "IMPORT.md").read_text(encoding="utf-8")
    sources = (ROOT / "src" / "ticketlog" / "importing").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    kinds = set(re.findall(r'"((?:missing|bad|unknown|too|cut)-[a-z]+|damaged|refused)"', text))
    assert len(kinds) > 8
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in page] == []
