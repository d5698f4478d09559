"""The two logs of a desk, made and opened by their URL: `sqlite:///FILE` for the embedded log,
`kafka://BROKERS/PREFIX` for one in Kafka (see log/kafka/url.py).

The settings have a log of their own, with one partition: a file beside that of the tickets, or a
topic beside that of the tickets.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ticketlog.application.executor import new_id
from ticketlog.config import Config
from ticketlog.errors import Damaged, Usage
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.kafka.url import SCHEME, KafkaAddress
from ticketlog.log.port import DEFAULT_PARTITIONS

_SCHEME = "sqlite:///"
TICKETS, SETTINGS = "tickets", "settings"
_INDEX = "index.db"


class Logs(NamedTuple):
    tickets: IndexedLog
    settings: IndexedLog

    def close(self) -> None:
        self.tickets.close()
        self.settings.close()


def make_logs(config: Config, codec: RecordCodec) -> Logs:
    """Makes the logs of a new desk. What an interrupted attempt has made already is kept, and a
    log that is in Kafka already is joined.

    Raises Usage, Unreachable, Unfit, Damaged.
    """
    address = address_of(config)
    if address is not None:
        from ticketlog.log.kafka.bootstrap import create_or_join

        create_or_join(address, {TICKETS: address.fresh_partitions, SETTINGS: 1}, new_id())
        return open_logs(config, codec)
    tickets_file, settings_file = files_of(config)
    if tickets_file.exists():
        tickets = EmbeddedLog.open(tickets_file, codec)
    else:
        tickets = EmbeddedLog.create(
            tickets_file, codec, name=TICKETS, desk=new_id(), partitions=DEFAULT_PARTITIONS
        )
    try:
        if not settings_file.exists():
            EmbeddedLog.create(
                settings_file, codec, name=SETTINGS, desk=tickets.desk, partitions=1
            ).close()
    finally:
        tickets.close()
    return open_logs(config, codec)


def open_logs(config: Config, codec: RecordCodec) -> Logs:
    """The logs of a desk. `codec`: encodes and decodes their records. Raises Usage, Unreachable,
    Unfit, Damaged."""
    address = address_of(config)
    if address is not None:
        return _opened_in_kafka(config, address, codec)
    tickets_file, settings_file = files_of(config)
    tickets = EmbeddedLog.open(tickets_file, codec)
    try:
        settings = EmbeddedLog.open(settings_file, codec)
    except BaseException:
        tickets.close()
        raise
    return _of_one_desk(Logs(tickets, settings), f"{tickets_file} and {settings_file}")


def _opened_in_kafka(config: Config, address: KafkaAddress, codec: RecordCodec) -> Logs:
    from ticketlog.log.kafka import topics
    from ticketlog.log.kafka.log import KafkaLog

    names = [address.topic(name) for name in (TICKETS, SETTINGS)]
    found = topics.ask_brokers(
        address, lambda client: topics.checked_topics(client, address, names, address.partitions)
    )
    tickets_file = config.folder / _INDEX
    tickets = KafkaLog.open(address, found[names[0]], tickets_file, TICKETS, codec)
    try:
        settings = KafkaLog.open(address, found[names[1]], _beside(tickets_file), SETTINGS, codec)
    except BaseException:
        tickets.close()
        raise
    tickets.sibling, settings.sibling = settings, tickets
    return _of_one_desk(Logs(tickets, settings), " and ".join(names))


def _of_one_desk(logs: Logs, named: str) -> Logs:
    tickets, settings = logs
    if (tickets.name, settings.name, settings.desk) != (TICKETS, SETTINGS, tickets.desk):
        logs.close()
        raise Damaged(
            f"{named} are not the two logs of one desk: restore both from the same backup"
        )
    return logs


def address_of(config: Config) -> KafkaAddress | None:
    """The address of the log, if it is in Kafka. Raises Usage."""
    if config.log_url.startswith(SCHEME):
        return KafkaAddress.parse(config.log_url)
    return None


def files_of(config: Config) -> tuple[Path, Path]:
    """Of the tickets and of the settings. Raises Usage for a URL that this release doesn't know."""
    name = config.log_url.removeprefix(_SCHEME)
    if name == config.log_url or not name:
        raise Usage(
            f"[log] url is {config.log_url!r}: this release knows {_SCHEME}FILE and "
            f"{SCHEME}BROKERS/PREFIX"
        )
    tickets = config.folder / name
    return tickets, _beside(tickets)


def _beside(tickets: Path) -> Path:
    return tickets.with_name(f"{tickets.stem}.settings{tickets.suffix}")
