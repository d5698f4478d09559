"""The command line: what it takes apart, it hands to the desk; what comes back, it prints.

Nothing heavy is imported here: a command's modules are loaded when the command is called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main() -> None:
    """The console script `ticketlog`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; every failure is one line on stderr."""
    debug = "--debug" in arguments
    try:
        from ticketlog.cli.root import root

        code = root.main(args=list(arguments), prog_name="ticketlog", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        from ticketlog.cli.failures import report

        return report(error, debug)
