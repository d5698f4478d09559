"""The settings and the fresh data of one broker: small, quick to start, quick to fail over."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from broker.installed import CACHE, HERE, alone, classpath, java
from broker.listeners import LISTENERS, SecureListeners

_JVM = (
    *("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
)
_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # A killed broker may register again only when its last session is over.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "300",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1500",
    "replica.lag.time.max.ms": "4000",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "group.coordinator.threads": "1",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
    "log.index.size.max.bytes": str(1 << 20),
}


class Ports(NamedTuple):
    """The ports of one node."""

    clients: int
    controller: int
    secure_listeners: tuple[int, ...] = ()

    def listeners(self) -> dict[str, int]:
        """The listeners for clients, by their names."""
        return {
            "PLAINTEXT": self.clients,
            **dict(zip(LISTENERS, self.secure_listeners, strict=False)),
        }


def settings(
    node: int, ports: Sequence[Ports], data: Path, secure_listeners: SecureListeners | None = None
) -> dict[str, str]:
    """The settings of the node with this number, from 1, among those at these ports."""
    replicas = len(ports)
    synced = max(1, replicas - 1)
    own = ports[node - 1]
    voters = (f"{number}@127.0.0.1:{each.controller}" for number, each in enumerate(ports, 1))
    clients = ",".join(f"{name}://127.0.0.1:{port}" for name, port in own.listeners().items())
    kinds = ",".join(f"{name}:{name}" for name in own.listeners())
    return (
        _SETTINGS
        | (secure_listeners.settings() if secure_listeners else {})
        | {
            "node.id": str(node),
            "log.dirs": str(data),
            "controller.quorum.voters": ",".join(voters),
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{own.controller}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{kinds}",
            "default.replication.factor": str(replicas),
            "min.insync.replicas": str(synced),
            "offsets.topic.replication.factor": str(replicas),
            "transaction.state.log.replication.factor": str(replicas),
            "transaction.state.log.min.isr": str(synced),
            "share.coordinator.state.topic.replication.factor": str(replicas),
            "share.coordinator.state.topic.min.isr": str(synced),
        }
    )


def write(file: Path, values: Mapping[str, str]) -> None:
    """A file of Java's properties."""
    lines = (f"{key}={value}\n" for key, value in values.items())
    file.write_text("".join(lines).replace("\\", "\\\\"), encoding="ascii")


def command(main_class: str, *arguments: str) -> list[str]:
    return [java(), *_JVM, "-cp", classpath(), main_class, *arguments]


def new_id() -> str:
    """As Kafka writes the ids of clusters and folders."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().strip("=").replace("-", "x")


def format_data(
    data: Path,
    node: int,
    cluster: str,
    replicas: int,
    secure_listeners: SecureListeners | None = None,
) -> None:
    """Fresh data for a node: a copy of what Kafka's own tool made once, under ids of its own."""
    shutil.copytree(
        _formatted(replicas, secure_listeners.scram() if secure_listeners else []), data
    )
    ids = {"version": "1", "cluster.id": cluster, "node.id": str(node), "directory.id": new_id()}
    write(data / "meta.properties", ids)


def _formatted(replicas: int, scram: Sequence[str]) -> Path:
    """The folder that Kafka's tool makes for a cluster of this size and these users. Its JVM takes
    longer than all else about a small broker, so that it starts only once."""
    tool = command("kafka.tools.StorageTool", "format", *scram)
    digest = hashlib.sha256("\0".join(tool).encode()).hexdigest()[:12]
    kept = CACHE / f"formatted-{replicas}-{digest}"
    with alone(kept.name):
        if not kept.exists():
            fresh = CACHE / f"{kept.name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            properties = CACHE / f"{kept.name}.properties"
            write(properties, settings(1, [Ports(9092, 9093)] * replicas, fresh))
            done = subprocess.run(
                [*tool, "--cluster-id", new_id(), "--config", str(properties)],
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise RuntimeError(f"Kafka's folder can't be formatted: {done.stdout}{done.stderr}")
            fresh.rename(kept)
    return kept
