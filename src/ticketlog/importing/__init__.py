"""Import of histories: files of other systems become tickets, one commit for each row."""

from ticketlog.importing.importer import ImportProgress, check_file, import_file
from ticketlog.importing.journal import Journal, keep_secret, secret
from ticketlog.importing.mapping import Mapping, load_mapping
from ticketlog.importing.persons import AddressHolders
from ticketlog.importing.reader import FileRows, read_rows
from ticketlog.importing.report import ImportReport
from ticketlog.importing.row import ImportRow, RowProblem
from ticketlog.importing.withdrawing import WithdrawnTickets

__all__ = [
    "AddressHolders",
    "FileRows",
    "ImportProgress",
    "ImportReport",
    "ImportRow",
    "Journal",
    "Mapping",
    "RowProblem",
    "WithdrawnTickets",
    "check_file",
    "import_file",
    "keep_secret",
    "load_mapping",
    "read_rows",
    "secret",
]
