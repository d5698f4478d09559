"""The three logs of a desk, made and opened by their URL: `sqlite:///FILE` for the embedded log,
`kafka://BROKERS/PREFIX` for one in Kafka (see log/kafka/url.py).

The settings have a log of their own, and so has access: who was refused, who read what is
restricted, who signed in. Each has one partition: a file beside that of the tickets, or a topic
beside that of the tickets. Desks of earlier releases have no log of access: it is made when such a
desk is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ticketlog.application.executor import new_id
from ticketlog.config import Config
from ticketlog.errors import Damaged, Unreachable, Usage
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.kafka.url import SCHEME, KafkaAddress
from ticketlog.log.port import DEFAULT_PARTITIONS

_SCHEME = "sqlite:///"
TICKETS, SETTINGS, ACCESS = "tickets", "settings", "access"
WRITTEN = (TICKETS, ACCESS, SETTINGS)
"""The logs in the order in which they are made, exported and restored: the first record of the
settings' log says that the others are whole (log/kafka/bootstrap.py)."""
_HAS_ACCESS = "access"
"""The fact beside a log of tickets that its desk has a log of access: where that is gone then, it
was taken away, and isn't made anew."""
_INDEX = "index.db"


class Logs(NamedTuple):
    """The open logs of a desk."""

    tickets: IndexedLog
    settings: IndexedLog
    access: IndexedLog

    def written(self) -> tuple[IndexedLog, ...]:
        """The logs in the order of `WRITTEN`."""
        return self.tickets, self.access, self.settings

    def close(self) -> None:
        for each in self:
            each.close()


def make_logs(config: Config, codec: RecordCodec) -> Logs:
    """Makes the logs of a new desk. What an interrupted attempt has made already is kept, and a
    log that is in Kafka already is joined.

    Raises Usage, Unreachable, Unfit, Damaged.
    """
    address = address_of(config)
    if address is not None:
        from ticketlog.log.kafka.bootstrap import create_or_join

        partitions = {TICKETS: address.fresh_partitions, ACCESS: 1, SETTINGS: 1}
        create_or_join(address, {name: partitions[name] for name in WRITTEN}, new_id())
        return open_logs(config, codec)
    files = files_of(config)
    if files[TICKETS].exists():
        tickets = EmbeddedLog.open(files[TICKETS], codec)
    else:
        tickets = EmbeddedLog.create(
            files[TICKETS], codec, name=TICKETS, desk=new_id(), partitions=DEFAULT_PARTITIONS
        )
    try:
        if not files[SETTINGS].exists():
            EmbeddedLog.create(
                files[SETTINGS], codec, name=SETTINGS, desk=tickets.desk, partitions=1
            ).close()
    finally:
        tickets.close()
    return open_logs(config, codec)


def open_logs(config: Config, codec: RecordCodec) -> Logs:
    """The logs of a desk. `codec`: encodes and decodes their records. That of access is made where
    an earlier release made the desk. Raises Usage, Unreachable, Unfit, Damaged."""
    address = address_of(config)
    if address is not None:
        return _opened_in_kafka(config, address, codec)
    files = files_of(config)
    opened: dict[str, EmbeddedLog] = {}
    try:
        opened[TICKETS] = EmbeddedLog.open(files[TICKETS], codec)
        opened[SETTINGS] = EmbeddedLog.open(files[SETTINGS], codec)
        opened[ACCESS] = _opened_access(files[ACCESS], opened[TICKETS], codec)
    except BaseException:
        for log in opened.values():
            log.close()
        raise
    return _of_one_desk(Logs(**opened), ", ".join(map(str, files.values())))


def _opened_access(path: Path, tickets: EmbeddedLog, codec: RecordCodec) -> EmbeddedLog:
    """The log of access, made where the desk never had one. Raises Unreachable where it had one
    that is gone: a new one would hide that."""
    if not path.exists():
        if tickets.has_fact(_HAS_ACCESS):
            raise Unreachable(
                f"there is no log at {path}, and this desk had one, of who saw what: bring it back "
                "from a backup. Nothing is read and nothing recorded without it"
            )
        with suppress(Usage):  # another process has made it just now
            EmbeddedLog.create(path, codec, name=ACCESS, desk=tickets.desk, partitions=1).close()
    access = EmbeddedLog.open(path, codec)
    tickets.keep_fact(_HAS_ACCESS)
    return access


def _opened_in_kafka(config: Config, address: KafkaAddress, codec: RecordCodec) -> Logs:
    from ticketlog.log.kafka import topics
    from ticketlog.log.kafka.bootstrap import join_added_log
    from ticketlog.log.kafka.log import KafkaLog

    indexes = _files(config.folder / _INDEX)
    names = {name: address.topic(name) for name in indexes}
    first = [names[TICKETS], names[SETTINGS]]
    known = [*first, names[ACCESS]] if indexes[ACCESS].exists() else first
    found = topics.ask_brokers(
        address, lambda client: topics.checked_topics(client, address, known, address.partitions)
    )
    if names[ACCESS] not in found:
        added = join_added_log(address, ACCESS, SETTINGS, found[names[SETTINGS]])
        found = {**found, names[ACCESS]: added}
    opened: dict[str, KafkaLog] = {}
    try:
        for name, topic in names.items():
            opened[name] = KafkaLog.open(address, found[topic], indexes[name], name, codec)
    except BaseException:
        for log in opened.values():
            log.close()
        raise
    for log in opened.values():
        log.siblings = tuple(each for each in opened.values() if each is not log)
    return _of_one_desk(Logs(**opened), ", ".join(names.values()))


def _of_one_desk(logs: Logs, named: str) -> Logs:
    if any((log.name, log.desk) != (name, logs.tickets.desk) for name, log in _named(logs)):
        logs.close()
        raise Damaged(f"{named} are not the logs of one desk: restore all from the same backup")
    return logs


def _named(logs: Logs) -> Iterator[tuple[str, IndexedLog]]:
    return zip(Logs._fields, logs, strict=True)


def address_of(config: Config) -> KafkaAddress | None:
    """The address of the log, if it is in Kafka. Raises Usage."""
    if config.log_url.startswith(SCHEME):
        return KafkaAddress.parse(config.log_url)
    return None


def files_of(config: Config) -> dict[str, Path]:
    """The file of each embedded log, by its name, in the order of `WRITTEN`. Raises Usage for a URL
    that this release doesn't know."""
    name = config.log_url.removeprefix(_SCHEME)
    if name == config.log_url or not name:
        raise Usage(
            f"[log] url is {config.log_url!r}: this release knows {_SCHEME}FILE and "
            f"{SCHEME}BROKERS/PREFIX"
        )
    return _files(config.folder / name)


def _files(tickets: Path) -> dict[str, Path]:
    """The files of a desk's logs, beside that of the tickets."""
    return {
        name: tickets.with_name(f"{tickets.stem}.{name}{tickets.suffix}")
        if name != TICKETS
        else tickets
        for name in WRITTEN
    }
