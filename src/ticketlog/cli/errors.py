"""Every way a command can fail: one clear line on standard error, and an exit code.

0    done; also where the reader of the output went away
1    refused by a rule or a check
2    wrong usage
3    not reachable, in doubt, or damaged
130  interrupted (Ctrl-C)
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

import click

from ticketlog.cli.framework import ReaderGone
from ticketlog.domain.base import Refused
from ticketlog.errors import TicketlogError

DONE, REFUSED, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130


def report(error: BaseException, debug: bool, *, as_json: bool = False) -> int:
    """Says what went wrong and returns the exit code. `as_json`: a refusal is a document, too."""
    if isinstance(error, BrokenPipeError | ReaderGone):
        _close_quietly()
        return DONE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if debug:
        traceback.print_exception(error)
    code, line = described(error)
    if line:
        say(line)
    if as_json and isinstance(error, Refused):
        _print_refusal(error)
    _close_quietly()
    return code


def described(error: BaseException) -> tuple[int, str]:
    """The exit code and the line for an error; '' where all is said already."""
    if _interrupted(error):
        return INTERRUPTED, "interrupted; what was acknowledged is kept"
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return USAGE, ""
        case click.ClickException():
            return USAGE, f"{error.format_message()}{_hint(error)}"
        case Refused():
            return REFUSED, str(error)
        case TicketlogError():
            return error.exit_code, str(error)
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return FAILED, f"{where}{error.strerror or error}"
        case MemoryError():
            return FAILED, "out of memory"
        case _:
            return FAILED, (
                f"internal error: {type(error).__name__}: {error}; "
                "run it again with --debug for the details"
            )


def _interrupted(error: BaseException) -> bool:
    """Whether it is Ctrl-C, or what went wrong while everything was left because of it."""
    at: BaseException | None = error
    while at is not None and not isinstance(at, KeyboardInterrupt | click.Abort):
        at = at.__context__
    return at is not None


def _print_refusal(refusal: Refused) -> None:
    """{"error": {code, message, and the facts of the refusal}}."""
    import orjson

    from ticketlog.documents.outcomes import Refusal

    document = Refusal.made(refusal).plain()
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    with suppress(BrokenPipeError):
        print(orjson.dumps(document, default=str, option=option).decode(), flush=True)


def _hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see `{context.command_path} --help`)" if context is not None else ""


def say(line: str) -> None:
    """One clean line on standard error."""
    from ticketlog.cli.output import clean

    try:
        print("ticketlog: " + clean(" ".join(line.split())), file=sys.stderr, flush=True)
    except BrokenPipeError:
        _close_quietly()


def _close_quietly() -> None:
    """Whatever is left in the buffers must not raise again when Python exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
