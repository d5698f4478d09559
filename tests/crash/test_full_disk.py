from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.desks import ANN, a_history
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import init_desk
from ticketlog.domain.ticket.creation import CreateTicket

ROOT = Path(__file__).parent.parent.parent
PROGRAM = [sys.executable, "-m", "tests.crash.full_disk"]


def test_a_log_outlives_files_that_may_not_grow(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, str(tmp_path), "small-files"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.service
@pytest.mark.parametrize("size", ["1500k", "2500k", "6m"])
def test_a_log_outlives_a_full_disk(tmp_path: Path, size: str) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed (Debian: apt install util-linux)")
    mounted = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77; shift; shift; exec "$@"'
    private = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    done = subprocess.run(
        [*private, size, str(tmp_path), *PROGRAM, str(tmp_path), "small-disk"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"a private file system can't be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a few tickets and its views; beside it a file to import."""
    folder = tmp_path_factory.mktemp("full")
    a_history(folder, cases=30)
    with init_desk(folder / "desk", admin=ANN) as desk:
        for number in range(5):
            desk.execute(CreateTicket(subject=f"Ticket {number}"), actor=ANN)
        desk.refresh()
    return folder / "desk"


WRITES = [
    "ticket create VPN --description {long}",
    "import ../history.csv --mapping ../mapping.toml",
    "settings apply {settings}",
    "replay rebuild",
]
READS = ["ticket list", "queue", "search Ticket", "status", "log stat", "log tail --json"]


def run(desk: Path, command: str, blocks: int | None) -> subprocess.CompletedProcess[str]:
    """Runs the command line; files may not grow beyond so many blocks of 512 bytes. 66 leave room
    for what readers share of a WAL."""
    limited = f"ulimit -f {blocks}; " if blocks else ""
    words = command.format(settings=ROOT / "examples" / "settings.toml", long="x" * 30_000)
    program = Path(sys.executable).with_name("ticketlog")
    return subprocess.run(
        ["sh", "-c", f'{limited}exec "$0" --desk "$1" {words}', program, desk],
        cwd=desk,
        env={**os.environ, ACTOR_VARIABLE: "agent:ann"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", WRITES)
def test_a_command_that_finds_the_disk_full_says_so_and_works_later(
    desk: Path, tmp_path: Path, command: str
) -> None:
    copy = shutil.copytree(desk.parent, tmp_path / "copy") / "desk"

    refused = run(copy, command, blocks=66)

    assert refused.returncode == 3
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert str(copy) in refused.stderr
    assert run(copy, command, blocks=None).returncode == 0


@pytest.mark.parametrize("command", READS)
def test_what_is_there_can_be_read_on_a_full_disk(desk: Path, tmp_path: Path, command: str) -> None:
    copy = shutil.copytree(desk.parent, tmp_path / "copy") / "desk"
    done = run(copy, command, blocks=66)
    assert (done.returncode, done.stderr) == (0, "")
