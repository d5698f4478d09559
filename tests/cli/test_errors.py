"""Wrong use gives one clear line and the documented exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.said import Run, Said
from ticketlog import config

TICKETLOG = [sys.executable, "-c", "from ticketlog.cli import main; main()"]


def one_line(said: Said, code: int, *words: str) -> None:
    assert said.code == code, said
    assert said.err.startswith("ticketlog: ")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


class TestRefused:
    def test_an_unknown_ticket(self, ask: Run, folder: Path) -> None:
        one_line(ask("ticket", "show", "NOPE"), 1, "ticket/NOPE doesn't exist", "ticket list")
        one_line(ask("ticket", "note", "NOPE", "x"), 1, "NOPE doesn't exist")
        one_line(ask("ticket", "history", "NOPE"), 1, "doesn't exist")
        one_line(ask("person", "show", "NOPE"), 1, "person/NOPE doesn't exist")

    def test_a_forbidden_transition(self, ask: Run, ticket: str) -> None:
        one_line(ask("ticket", "close", ticket), 1, ticket, "closed")
        one_line(ask("ticket", "set-status", ticket, "odd"), 1, "odd")

    def test_a_role_that_may_not(self, ask: Run, ticket: str) -> None:
        said = ask("ticket", "assign", ticket, "--team", "billing", "--as", "person:KIM")
        one_line(said, 1, "KIM")

    def test_a_missing_field(self, ask: Run, done: Run, ticket: str, tmp_path: Path) -> None:
        file = tmp_path / "strict.toml"
        file.write_text(
            """
            [workflows.default]
            statuses = [
                { id = "new", category = "new" }, { id = "open", category = "open" },
                { id = "pending", category = "pending" }, { id = "on-hold", category = "on-hold" },
                { id = "solved", category = "solved" }, { id = "closed", category = "closed" },
                { id = "cancelled", category = "closed" },
            ]
            transitions = [
                { from = ["new", "open"], to = "solved", requires = ["resolution_code"] },
                { from = "solved", to = ["open", "closed"] },
                { from = "new", to = ["open", "cancelled"] },
            ]
            """
        )
        done("settings", "apply", str(file), "--as", "agent:sue")
        one_line(ask("ticket", "solve", ticket), 1, ticket, "resolution_code")
        done("ticket", "solve", ticket, "--code", "fixed")

    def test_a_stale_version(self, ask: Run, done: Run, ticket: str) -> None:
        done("ticket", "assign", ticket, "--team", "billing")
        said = ask("ticket", "assign", ticket, "--team", "network", "--seen", "0")
        one_line(said, 1, "version")

    @pytest.mark.parametrize("blank", [" ", "\t\n", "\u200b", "\u202e \u2066", "\u3164", "\u0301"])
    def test_what_nobody_can_read_is_no_answer(self, ask: Run, ticket: str, blank: str) -> None:
        one_line(
            ask("ticket", "reply", ticket, blank), 2, "body", "nothing that anybody could read"
        )
        one_line(ask("ticket", "note", ticket, blank), 2, "body")
        assert ask("ticket", "reply", ticket, f"{blank}?").code == 0

    def test_a_version_that_nobody_can_have_seen(self, ask: Run, ticket: str) -> None:
        said = ask("ticket", "note", ticket, "x", "--seen", "99")
        one_line(said, 2, ticket, "at version 0", "version 99")
        one_line(ask("ticket", "note", "NOPE", "x", "--seen", "99"), 1, "doesn't exist")

    def test_an_id_that_stands_for_something_else(self, ask: Run, done: Run, ticket: str) -> None:
        done("ticket", "note", ticket, "one", "--id", "n1")
        one_line(ask("ticket", "note", ticket, "two", "--id", "n1"), 1, "n1")

    def test_settings_that_contradict_themselves(
        self, ask: Run, folder: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "odd.toml"
        file.write_text('[agents.eve]\nteams = ["nowhere"]\n')
        one_line(ask("settings", "apply", str(file), "--as", "agent:sue"), 1, "nowhere")


class TestUsage:
    @pytest.mark.parametrize(
        ("line", "word"),
        [
            ("ticket frobnicate", "frobnicate"),
            ("ticket show", "TICKET"),
            ("ticket show X --colour red", "--colour"),
            ("ticket note X", "BODY"),
            ("ticket create x --type odd", "odd"),
            ("ticket create x --due-at tomorrow", "due-at"),
            ("ticket note X y --as nobody", "KIND:ID"),
            ("ticket note X y --as agent:", "KIND:ID"),
            ("ticket note X y --as agent:ann/", "KIND:ID"),
            ("ticket note X y --seen now", "now"),
            ("ticket rate X 9", "score"),
            ("ticket set-fields X floor", "NAME=VALUE"),
            ("ticket set-fields X floor=three", "whole number"),
            ("ticket set-fields X remote=maybe", "yes or no"),
            ("ticket show X --as-of now", "no position"),
            ("ticket show X --as-of 2026-01-31", "no time zone"),
            ("ticket show X --as-of 0:99999", "no record"),
            ("ticket show X --as-of 0:1 --occurred-as-of 2026-01-31T00:00:00Z", "one moment"),
            ("person register --address ann@example.com", "email:ADDRESS"),
            ("agent set-shifts ann mon", "mon 09:00-17:00"),
            ("report luck", "luck"),
            ("report flow --where team", "DIMENSION=VALUE"),
            ("report flow --where colour=red", "colour"),
            ("report flow --zone Mars/Base", "Mars/Base"),
            ("report flow --from soon", "soon"),
            ("report flow --threshold near_seconds=1", "threshold 'near_seconds'"),
            ("report gaming --threshold near", "NAME=NUMBER"),
            ("report gaming --by priority", "choose from agent, team"),
            ("report gaming-cases --by team", "cases stand by themselves"),
            ("views retry nothing", "nothing"),
            ("replay rebuild nothing", "nothing"),
            ("replay diff nothing 0:0", "nothing"),
            ("replay as-of queue", "moment"),
            ("log tail --from x", "no position"),
            ("import missing.csv --mapping missing.toml", "missing.toml"),
            ("settings apply missing.toml", "missing.toml"),
            ("tour missing.csv", "--mapping"),
            ("init x --log-url sqlite:///log.db", "--log-url"),
            ("run --health 99999", "99999"),
        ],
    )
    def test_wrong_use(self, ask: Run, folder: Path, line: str, word: str) -> None:
        one_line(ask(*line.split()), 2, word)

    def test_without_a_command_there_is_help(self, ask: Run) -> None:
        said = ask()
        assert said.code == 2
        assert "Usage: ticketlog" in said.err

    def test_no_desk(self, ask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(config.VARIABLE, raising=False)
        monkeypatch.chdir(tmp_path)
        one_line(ask("status"), 2, "no desk", "ticketlog init")
        one_line(ask("status", "--desk", str(tmp_path)), 2, "is no desk")
        one_line(ask("--desk", str(tmp_path), "ticket", "show", "X"), 2, "is no desk")

    def test_a_desk_twice(self, ask: Run, folder: Path) -> None:
        one_line(ask("init", str(folder)), 2, "is a desk already")

    def test_a_file_that_is_no_text(self, ask: Run, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "odd.toml").write_bytes(b"\xff\xfe[teams")
        apply = ("settings", "apply", "--as", "agent:sue")
        one_line(ask(*apply, str(tmp_path / "odd.toml")), 2, "UTF-8")
        one_line(ask(*apply, str(tmp_path)), 2, "can't be read")

    def test_a_target_that_exists(self, ask: Run, done: Run, ticket: str, tmp_path: Path) -> None:
        (tmp_path / "note.txt").write_text("x")
        done("ticket", "attach", ticket, str(tmp_path / "note.txt"))
        (attached,) = done("ticket", "show", ticket, "--json").document["attachments"]
        to = str(tmp_path / "note.txt")
        one_line(ask("ticket", "fetch", ticket, attached["id"], "--to", to), 2, "exists already")


class TestDamage:
    def test_a_log_that_is_no_database(self, ask: Run, folder: Path) -> None:
        for file in folder.glob("log.db*"):
            file.unlink()
        (folder / "log.db").write_bytes(b"no database" * 1000)
        one_line(ask("status"), 3, "log.db", "damaged")

    def test_a_log_that_is_gone(self, ask: Run, folder: Path) -> None:
        (folder / "log.db").unlink()
        one_line(ask("ticket", "show", "X"), 3, "log.db")

    def test_a_record_that_was_changed(
        self, ask: Run, done: Run, ticket: str, folder: Path
    ) -> None:
        import pysqlite3.dbapi2 as sqlite

        done("queue")
        connection = sqlite.connect(str(folder / "log.db"))
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE name GLOB 'record_*[0-9]' AND type = 'table'"
        ).fetchall():
            connection.execute(
                f"UPDATE {name} SET data = CAST(replace(data, 'drops', 'works') AS BLOB)"
            )
        connection.commit()
        connection.close()
        said = ask("log", "verify")
        assert said.code == 3
        assert "view queue was made from another record" in said.out

    def test_views_that_are_no_database_are_said_to_be(
        self, ask: Run, done: Run, ticket: str, folder: Path
    ) -> None:
        done("views")
        for file in folder.glob("views.db*"):
            file.unlink()
        (folder / "views.db").write_bytes(b"no database" * 1000)
        one_line(ask("queue"), 3, "views.db")
        one_line(ask("views"), 3, "views.db")
        shown = ask("ticket", "show", ticket)
        assert (shown.code, "VPN drops" in shown.out) == (0, True)
        assert "what is linked to it isn't known" in shown.err
        said = ask("status")
        assert (said.code, said.err) == (3, "")
        assert "views     can't be used" in said.out
        assert "views.db are damaged" in said.out
        (folder / "views.db").unlink()
        done("queue")

    def test_an_internal_error_is_one_line_and_a_traceback_with_debug(
        self, ask: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ticketlog.desk import Desk

        def broken(self: Desk) -> None:
            raise ZeroDivisionError("nobody thought of it")

        monkeypatch.setattr(Desk, "status", broken)
        one_line(ask("status"), 3, "internal error", "ZeroDivisionError", "--debug")
        said = ask("status", "--debug")
        assert said.code == 3
        assert "Traceback" in said.err

    def test_what_goes_wrong_while_ctrl_c_unwinds_is_an_interruption(
        self, ask: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ticketlog.desk import Desk

        def interrupted(self: Desk) -> None:
            try:
                raise KeyboardInterrupt
            finally:
                raise RuntimeError("cannot release un-acquired lock")

        monkeypatch.setattr(Desk, "status", interrupted)
        one_line(ask("status"), 130, "interrupted; what was acknowledged is kept")


class TestProcesses:
    """What only a process of its own can show."""

    def test_a_reader_that_goes_away(self, done: Run, ticket: str, folder: Path) -> None:
        for number in range(3):
            done("ticket", "note", ticket, str(number) * 100_000)
        for arguments in (["log", "tail"], ["ticket", "history", ticket], ["--help"]):
            process = started(*arguments)
            assert process.stdout is not None
            process.stdout.close()
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, "")

    def test_ctrl_c(self, done: Run, ticket: str) -> None:
        process = started("log", "tail", "--follow", "--json")
        assert process.stdout is not None
        assert "ticket.created.v1" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert (out, err.strip()) == ("", "ticketlog: interrupted; what was acknowledged is kept")

    def test_ctrl_c_while_other_processes_help(self, done: Run, ticket: str) -> None:
        code = """
import os, signal, sys, time
from ticketlog.cli import run
from ticketlog.projections.engine import fill, fill_workers
fill.helpers = lambda ends, views: 2
began = fill_workers._started
def interrupted(*arguments):
    process = began(*arguments)
    time.sleep(0.3)
    os.killpg(0, signal.SIGINT)  # as a terminal does
    return process
fill_workers._started = interrupted
sys.exit(run(["replay", "rebuild", "queue"]))
"""
        process = started("-c", code, program=[sys.executable], start_new_session=True)
        _, err = process.communicate(timeout=60)
        said = "ticketlog: interrupted; what was acknowledged is kept"
        assert (process.returncode, err.strip()) == (130, said)

    def test_a_full_output(self, done: Run, ticket: str) -> None:
        if not os.path.exists("/dev/full"):
            pytest.skip("needs /dev/full")
        with open("/dev/full", "w") as full:
            process = subprocess.run(
                [*TICKETLOG, "ticket", "show", ticket],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert process.returncode == 3
        assert process.stderr == "ticketlog: No space left on device\n"

    def test_a_terminal_that_knows_only_ascii(self, done: Run, ticket: str) -> None:
        done("ticket", "note", ticket, "Grüße \N{SNOWMAN}")
        process = subprocess.run(
            [*TICKETLOG, "ticket", "history", ticket],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert (process.returncode, process.stderr) == (0, "")
        assert "Gr" in process.stdout

    def test_a_shell_is_told_how_words_go_on(self) -> None:
        told = subprocess.run(
            TICKETLOG,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={
                **os.environ,
                "_TICKETLOG_COMPLETE": "bash_complete",
                "COMP_WORDS": "ticketlog ticket re",
                "COMP_CWORD": "2",
            },
        )
        assert {"plain,reply", "plain,reopen"} <= set(told.stdout.split())

    def test_help_loads_nothing_heavy(self) -> None:
        heavy = "{'pydantic', 'sqlalchemy', 'eventsourcing', 'rich', 'orjson', 'pysqlite3'}"
        code = f"""
import sys
from ticketlog.cli import run
run(sys.argv[1:])
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
"""
        for arguments in (["--help"], ["ticket", "--help"], ["person", "--help"], ["--version"]):
            subprocess.run(
                [sys.executable, "-c", code, *arguments],
                check=True,
                timeout=60,
                stdout=subprocess.DEVNULL,
            )

    def test_what_needs_only_the_log_loads_no_views(self, ticket: str) -> None:
        code = """
import sys
from ticketlog.cli import run
assert run(sys.argv[1:]) == 0
assert not {'sqlalchemy'} & set(sys.modules)
"""
        for command in (["history", ticket], ["note", ticket, "x"]):
            subprocess.run(
                [sys.executable, "-c", code, "ticket", *command],
                check=True,
                timeout=60,
                stdout=subprocess.DEVNULL,
            )


def started(
    *arguments: str, program: Sequence[str] = TICKETLOG, **options: Any
) -> subprocess.Popen[str]:
    """It hears Ctrl-C also where the tests run in the background, and don't."""
    return subprocess.Popen(
        [*program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


class TestText:
    """Arguments that are no text are wrong usage, whichever argument it is."""

    def test_bytes_that_are_no_text(self, ask: Run, ticket: str) -> None:
        odd = "x\udcff"
        for line in (
            ("ticket", "create", odd),
            ("ticket", "note", ticket, "hi", "--reason", odd),
            ("ticket", "note", ticket, "hi", "--id", odd),
            ("ticket", "note", ticket, "hi", "--as", f"agent:{odd}"),
            ("ticket", "show", odd),
            ("queue", "--team", odd),
            ("--desk", odd, "status"),
        ):
            one_line(ask(*line), 2, "no UTF-8 text")

    def test_a_file_may_have_such_a_name(self, done: Run, ticket: str, tmp_path: Path) -> None:
        file = tmp_path / "x\udcff.txt"
        file.write_bytes(b"pixels")
        done("ticket", "attach", ticket, str(file))
        (attached,) = done("ticket", "show", ticket, "--json").document["attachments"]
        assert attached["name"] == "x?.txt"

    def test_an_empty_id_is_none(self, ask: Run, ticket: str) -> None:
        one_line(ask("ticket", "note", ticket, "hi", "--id", ""), 2, "id")
