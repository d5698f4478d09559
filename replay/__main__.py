from __future__ import annotations

import argparse
import sys
from importlib import import_module

import replay
from ticketlog import open_desk
from ticketlog.domain.base import Refused
from ticketlog.errors import TicketlogError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m replay",
        description=replay.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--desk", metavar="DIR", help="default: as the command line finds it")
    parser.add_argument("job", choices=replay.JOBS)
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args(arguments)
    job = import_module(f"replay.{given.job}")
    try:
        with open_desk(given.desk) as desk:
            return int(job.run(desk, given.arguments))
    except TicketlogError as error:
        print(f"replay: {error}", file=sys.stderr)
        return error.exit_code
    except Refused as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
