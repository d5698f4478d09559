"""The persons whom cells name, completed from a second file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import parseaddr
from typing import Any

from ticketlog.importing.mapping import Mapping, PersonColumn
from ticketlog.importing.people import NamedPerson, person_id
from ticketlog.importing.row import RowProblem


class Directory:
    """Makes persons of cells. Raises Usage where the second file can't be read.

    `findings`: columns without `is` whose cells hold addresses, each with one of its problems.
    """

    def __init__(self, mapping: Mapping, secret: bytes) -> None:
        self._source = mapping.source
        self._secret = secret
        self._known: dict[str, tuple[str, str]] = _read(mapping) if mapping.people else {}
        self.findings: dict[str, str] = {}
        self._told: set[str] = set()

    def reader(self, column: PersonColumn, kind: str) -> Callable[..., Any]:
        """Makes a person of a cell's text, and of the texts of the columns besides it."""
        if column.by is None:
            label = " + ".join(column.names)
            return lambda text: self._bare(label, text)
        at = {name: place for place, name in enumerate(column.besides)}

        def read(text: str, *besides: str) -> Any:
            name = besides[at[column.name]] if column.name else ""
            address = besides[at[column.address]] if column.address else ""
            return self._person(column, text, name, address, kind)

        return read

    def found(self, line: int) -> Iterator[RowProblem]:
        """The problems of the columns of persons, once for each."""
        for label, why in self.findings.items():
            yield RowProblem(line, "bare-address", why, label)
        self._told.update(self.findings)
        self.findings.clear()

    def _bare(self, label: str, text: str) -> str:
        if "@" in text and label and label not in self._told:
            self.findings[label] = (
                "the cells hold addresses, which would become ids that can't be erased; "
                f'{{ column = "{label}", is = "address" }} makes persons of them'
            )
        return text

    def _person(self, column: PersonColumn, text: str, name: str, address: str, kind: str) -> Any:
        known = self._known.get(text)
        if known:
            name, address = name or known[0], address or known[1]
        elif column.by == "address" or (column.by == "address-and-name" and "@" in text):
            said, address = parseaddr(text) if "<" in text else ("", text)
            name = name or said
            if "@" not in address:
                raise ValueError(f"{text[:60]!r} is no address")
        elif column.by in ("name", "address-and-name"):
            name = name or text
        if address:
            id = person_id(self._source, "address", address, self._secret)
        elif column.by == "id":
            id = person_id(self._source, "id", text, self._secret)
        else:
            id = person_id(self._source, "name", text, self._secret)
        return NamedPerson(
            id, name or None, address or None, "agent" if kind == "agent" else "person"
        )


def _read(mapping: Mapping) -> dict[str, tuple[str, str]]:
    """Name and address by key, of the second file."""
    from ticketlog.importing.reader import raw_rows

    people = mapping.people
    assert people is not None
    wanted = [name for name in (people.key, people.name, people.address) if name]
    layout = Mapping.model_validate(
        {
            "source": mapping.source,
            "format": people.format,
            "encoding": people.encoding,
            "delimiter": people.delimiter,
            "file": {"records": people.records, "sheet": people.sheet},
            "rows": {"kind": "event", "key": wanted},
            "columns": {"case": people.key},
            "time": {"value": "1970-01-01", "zone": "UTC"},
        }
    )
    names, rows = raw_rows(mapping.beside(people.file), layout)
    at = [names.index(name) if name else None for name in (people.key, people.name, people.address)]
    known: dict[str, tuple[str, str]] = {}
    for row in rows:
        if isinstance(row, RowProblem):
            continue
        key, name, address = (
            "" if place is None else " ".join(str(row.cells[place]).split()) for place in at
        )
        if key:
            known[key] = name, address
    return known
