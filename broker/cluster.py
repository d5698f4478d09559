"""Brokers that a program starts, kills, pauses and starts again, each as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from broker import guarded, node, ports
from broker.listeners import LISTENERS, SecureListeners
from broker.node import Ports

_STARTED = "Kafka Server started"
_START_SECONDS = 90
_STOP_SECONDS = 20


class BrokerError(Exception):
    pass


class Cluster:
    """Brokers on this machine with their data in `folder`, numbered from 0; as a context manager,
    started at once and killed at its end. Data that is there already is taken up again.

    `settings`: Kafka's own, over those of node.py. `secure_listeners`: besides the open one.
    `until`: the process with whose end the brokers end, if not this one.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        *,
        at: Sequence[Ports] | None = None,
        settings: Mapping[str, str] | None = None,
        secure_listeners: SecureListeners | None = None,
        until: int | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self._reserved = ExitStack()
        self._secure_listeners = secure_listeners
        self._ports = list(at) if at else [self._reserve() for _ in range(brokers)]
        self._settings = dict(settings or {})
        self._until = until or os.getpid()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._logged = dict.fromkeys(range(brokers), 0)

    def _reserve(self) -> Ports:
        number = 2 + (len(LISTENERS) if self._secure_listeners else 0)
        clients, controller, *secure_listeners = ports.reserve(number, self._reserved)
        return Ports(clients, controller, tuple(secure_listeners))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        return self.bootstrap_of("PLAINTEXT")

    def bootstrap_of(self, listener: str) -> str:
        """The addresses of the open listener, or of a secure one, of all brokers."""
        return ",".join(f"127.0.0.1:{each.listeners()[listener]}" for each in self._ports)

    def start(self, *brokers: int, wait: bool = True) -> None:
        """Starts these brokers, or all; returns when they serve, or raises BrokerError.

        A broker of three serves only while another one runs: else say `wait=False`.
        """
        self._format()
        for broker in self._chosen(brokers):
            if not self.is_running(broker):
                self._spawn(broker)
        if wait:
            self.wait(*brokers)

    def wait(self, *brokers: int) -> None:
        """Returns when these brokers, or all, serve. Raises BrokerError with their last output."""
        until = time.monotonic() + _START_SECONDS
        for broker in self._chosen(brokers):
            while _STARTED not in self._new_log(broker):
                if not self.is_running(broker) or time.monotonic() > until:
                    raise BrokerError(f"broker {broker} doesn't start:\n{self._last_words(broker)}")
                time.sleep(0.02)

    def is_running(self, broker: int) -> bool:
        process = self._processes.get(broker)
        return process is not None and process.poll() is None

    def pid(self, broker: int) -> int:
        """The id of a broker's process, as last started."""
        return self._processes[broker].pid

    def kill(self, *brokers: int) -> None:
        """kill -9 of these brokers, or of all."""
        running = [broker for broker in self._chosen(brokers) if self.is_running(broker)]
        for broker in running:
            self._processes[broker].kill()
        for broker in running:
            self._processes[broker].wait()

    def stop(self, *brokers: int) -> None:
        """Stops these brokers, or all, as an operator would; kills the one that doesn't."""
        running = [broker for broker in self._chosen(brokers) if self.is_running(broker)]
        for broker in running:
            self._processes[broker].terminate()
        until = time.monotonic() + _STOP_SECONDS
        for broker in running:
            try:
                self._processes[broker].wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill(broker)

    def restart(self, *brokers: int) -> None:
        self.stop(*brokers)
        self.start(*brokers)

    def pause(self, broker: int) -> None:
        self._processes[broker].send_signal(signal.SIGSTOP)

    def resume(self, broker: int) -> None:
        self._processes[broker].send_signal(signal.SIGCONT)

    def log(self, broker: int = 0) -> str:
        """The broker's output, over all its starts."""
        return self._log_file(broker).read_text(errors="replace")

    def close(self) -> None:
        """Kills the brokers that still run; the data stays."""
        self.kill()
        self._reserved.close()

    def _chosen(self, brokers: Sequence[int]) -> Sequence[int]:
        return brokers or range(len(self._ports))

    def _home(self, broker: int) -> Path:
        return self.folder / f"broker-{broker}"

    def _log_file(self, broker: int) -> Path:
        return self._home(broker) / "broker.log"

    def _format(self) -> None:
        cluster = node.new_id()
        for broker in range(len(self._ports)):
            data = self._home(broker) / "data"
            if not data.exists():
                self._home(broker).mkdir(parents=True, exist_ok=True)
                node.format_data(
                    data, broker + 1, cluster, len(self._ports), self._secure_listeners
                )

    def _spawn(self, broker: int) -> None:
        home = self._home(broker)
        values = node.settings(broker + 1, self._ports, home / "data", self._secure_listeners)
        node.write(home / "server.properties", values | self._settings)
        guard = [sys.executable, "-ISE", guarded.__file__, str(self._until)]
        with self._log_file(broker).open("ab") as log:
            self._logged[broker] = log.tell()
            self._processes[broker] = subprocess.Popen(
                [*guard, *node.command("kafka.Kafka", str(home / "server.properties"))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
            )

    def _new_log(self, broker: int) -> str:
        """The broker's output since its last start."""
        with self._log_file(broker).open("rb") as log:
            log.seek(self._logged[broker])
            return log.read().decode(errors="replace")

    def _last_words(self, broker: int) -> str:
        return "\n".join(self._new_log(broker).splitlines()[-15:])
