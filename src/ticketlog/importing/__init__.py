"""Import of histories: files of other systems become tickets, one commit for each row."""

from ticketlog.importing.importer import Progress, check_file, import_file
from ticketlog.importing.journal import Journal, keep_secret, secret
from ticketlog.importing.mapping import Mapping, load_mapping
from ticketlog.importing.persons import Holders
from ticketlog.importing.reader import Rows, read_rows
from ticketlog.importing.report import ImportReport
from ticketlog.importing.row import Problem, Row
from ticketlog.importing.withdrawing import Taken

__all__ = [
    "Holders",
    "ImportReport",
    "Journal",
    "Mapping",
    "Problem",
    "Progress",
    "Row",
    "Rows",
    "Taken",
    "check_file",
    "import_file",
    "keep_secret",
    "load_mapping",
    "read_rows",
    "secret",
]
