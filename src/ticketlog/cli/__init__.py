"""The command line: what it takes apart, it hands to the desk; what comes back, it prints.

Nothing heavy is imported here: a command's modules are loaded when the command is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main() -> None:
    """The console script `ticketlog`."""
    sys.exit(run(sys.argv[1:]))


def _check_text(arguments: Sequence[str]) -> None:
    """Bytes that are no text can only be the name of a file that exists. Raises Usage."""
    for argument in arguments:
        if not argument.isascii() and not _is_text(argument) and not os.path.exists(argument):
            from ticketlog.errors import Usage

            raise Usage(f"{argument!r} is no UTF-8 text")


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; every failure is one line on stderr."""
    debug = "--debug" in arguments
    try:
        _check_text(arguments)
        from ticketlog.cli.root import root

        code = root.main(args=list(arguments), prog_name="ticketlog", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        from ticketlog.cli.errors import report

        named = arguments[: arguments.index("--")] if "--" in arguments else arguments
        return report(error, debug, as_json="--json" in named)
