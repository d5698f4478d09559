from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
