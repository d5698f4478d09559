"""python -m benchmarks [NAME...] [--quick] [--write]"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import page
from benchmarks.measure import ROOT, Bench, Figure

GROUPS = (
    *(
        "importing",
        "rebuilding",
        "searching",
        "appending",
        "executing",
        "asking",
        "promising",
        "appearing",
    ),
    *(
        "counting",
        "deciding",
        "sending",
        "moving",
        "reacting",
        "streaming",
        "delivering",
        "answering",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where a target was missed; in a quick run none counts."""
    options = _options(arguments)
    (ROOT / "build").mkdir(exist_ok=True)
    figures: dict[str, list[Figure]] = {}
    with TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as name:
        bench = Bench(ROOT.joinpath(name), options.quick)
        for group in options.names or GROUPS:
            bench.say(group)
            module = importlib.import_module(f"benchmarks.{group}")
            figures[group] = list(module.run(bench))
    _show(figures)
    if options.write:
        page.write(figures)
    missed = [each for group in figures.values() for each in group if each.met is False]
    return int(bool(missed) and not options.quick)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="tiny numbers: does it run at all?")
    parser.add_argument("--write", action="store_true", help="updates docs/BENCHMARKS.md")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(GROUPS)
    if unknown:
        parser.error(f"unknown: {shlex.join(unknown)}; there are {', '.join(GROUPS)}")
    if options.write and options.quick:
        parser.error("the figures of a quick run are none: leave out --write or --quick")
    return options


def _show(figures: dict[str, list[Figure]]) -> None:
    table = Table("group", "what", "reached", "beside", "target", "")
    for group, lines in figures.items():
        for line in lines:
            mark = {True: "met", False: "MISSED", None: ""}[line.met]
            table.add_row(group, line.what, line.value, line.beside, line.target, mark)
    Console(soft_wrap=not sys.stdout.isatty(), width=None).print(table)


if __name__ == "__main__":
    sys.exit(main())
