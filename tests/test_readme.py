"""The README's commands, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
UNTIL_STOPPED = "ticketlog run"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who types what the README says, with the ids that were printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known = {"ID": "", "CUT": "", "POSITION": "0:0"}
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": tools, "TICKETLOG_ACTOR": "agent:ann"}

    def type(self, line: str) -> str:
        """Runs a line and returns what it printed."""
        command = re.sub(r"\s+#.*", "", line).replace(" --follow", "")
        for word, value in self.known.items():
            command = re.sub(rf"\b{word}\b", value, command)
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if command == UNTIL_STOPPED:
            self._stop_once_it_runs(process)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, f"{command}\n{error}"
        if found := re.match(r"ticket/(\w+) is at", out):
            self.known["ID"] = found[1]
        if found := re.search(r" at (\S+) ", error):
            self.known["CUT"] = found[1]
        return out

    def _stop_once_it_runs(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return Reader(tmp_path)


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("ticketlog ")]


def test_what_the_readme_shows_works(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = [text for kind, text in BLOCKS if not kind]
    typed = [line for text in shell for line in commands(text)]
    assert typed[0] == "ticketlog init my-desk && cd my-desk"
    reader.type(typed[0])
    reader.folder /= "my-desk"
    for line in typed[1:]:
        reader.type(line)

    rows = re.findall(r"^\| an? \w+ \| (.*) \|$", README, re.MULTILINE)
    shown = [code for row in rows for code in re.findall(r"`(ticketlog [^`]*)`", row)]
    assert len(shown) > 10
    reader.type("ticketlog report flow")
    for line in shown:
        reader.type(line)
    reader.folder = ROOT
    for line in re.findall(r"`(python -m [^`]*)`", README):
        reader.type(line)

    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})


def test_every_page_that_the_readme_names_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).is_file(), link


def test_every_target_that_the_readme_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in re.findall(r"^make .*$", README, re.MULTILINE):
        assert re.search(rf"^{shlex.split(line, comments=True)[1]}:", makefile, re.MULTILINE), line


@pytest.mark.service
def test_what_the_readme_shows_over_http_works(tmp_path: Path) -> None:
    """Typed line by line, with the id that was printed, in a desk with the example's settings."""
    (script,) = [text for kind, text in BLOCKS if kind == "sh"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    assert "8400" in script
    begins, *more = re.sub(r" +#.*", "", script).partition("api $DESK/tickets --json")
    first, _, rest = "".join(more).partition("\n")
    typed = f"""
        ticketlog init my-desk && cd my-desk
        ticketlog settings apply {ROOT}/examples/settings.toml --reason "how we work"
        export TICKETLOG_ACTOR=agent:ann
        {begins.replace("8400", port).replace("serve &", f"serve --port {port} &")}
        trap "kill $!" EXIT
        curl -s --retry 20 --retry-connrefused $DESK/log -o refused
        {first} | tee made
        ID=$(sed 's,.*ticket/\\([0-9A-Z]*\\).*,\\1,' made)
        {rest.replace("/ID", "/$ID").replace("-N", "-N -m 2")}
    """
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-uc", typed],
        cwd=tmp_path,
        env={**os.environ, "PATH": tools},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "/problems/" not in ran.stdout, ran.stdout
    assert ran.stdout.count('"stream":"ticket/') == 4, ran.stdout + ran.stderr
    assert '"status":"solved"' in ran.stdout
    assert ran.stdout.count('"type":"ticket.solved.v1"') >= 3
    assert "\ndata: {" in ran.stdout
