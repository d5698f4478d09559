"""Import of histories: files of other systems become tickets, one commit for each row."""

from ticketlog.importing.importer import Progress, check_file, import_file
from ticketlog.importing.mapping import Mapping, load_mapping
from ticketlog.importing.reader import Rows, read_rows
from ticketlog.importing.report import ImportReport
from ticketlog.importing.rows import Problem, Row

__all__ = [
    "ImportReport",
    "Mapping",
    "Problem",
    "Progress",
    "Row",
    "Rows",
    "check_file",
    "import_file",
    "load_mapping",
    "read_rows",
]
