"""The restore of an export into the topics of an address; an interrupted one can be gone on with.

The logs are written one after the other, the settings' last: as long as their topic is empty, no
program takes the topics for a log (see bootstrap.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter

from kafka import KafkaAdminClient

from ticketlog.errors import Unfit
from ticketlog.log.backup import Export, ExportLine, PartitionExtent, survey_export
from ticketlog.log.commit import genesis_of
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.consumer import first_records
from ticketlog.log.kafka.topic_writer import RestoreProgress, TopicWriter
from ticketlog.log.kafka.topics import Topic
from ticketlog.log.kafka.url import KafkaAddress

_NOTHING = "Nothing was written"


def restore_topics(
    address: KafkaAddress,
    lines: Iterable[bytes],
    names: Collection[str],
    on_progress: Callable[[int, int], None],
    lacking: Collection[str] = (),
) -> None:
    """Returns when the topics of the named logs hold exactly the records of the export. They are
    made where there are none. The lines are read twice: nothing is written before they are known
    to be whole. `on_progress` is called with the numbers of records that are there and of all.
    `lacking`: the logs that exports of earlier releases don't hold.

    Raises Damaged for an export that isn't whole, and where another program wrote meanwhile; Unfit
    for topics that hold something else, or would not keep a log; Unreachable.
    """
    assert iter(lines) is not lines, "lines are read twice"
    begun_at = time.monotonic()
    extents = survey_export(lines, names, lacking)
    _check_count(address, extents)
    progress = RestoreProgress(
        on_progress, sum(each.end for log in extents.values() for each in log)
    )
    writers = []
    with topics.admin(address) as client:
        for name in set(names) - set(extents):
            _check_unused(address, client, name, next(iter(extents.values()))[0].first)
        found = [_check_existing(address, client, name, wanted) for name, wanted in extents.items()]
        export = Export(lines, names, lacking)
        for name, records in groupby(export.records(), key=attrgetter("log")):
            topic = _make_topic(address, client, name, len(extents[name]))
            writers.append(TopicWriter(address, client, topic, extents[name], progress))
            if any(found):
                writers[-1].resume(begun_at)
            _write_topic(writers[-1], records)
        for writer in writers:
            writer.check_ends()


def _write_topic(writer: TopicWriter, records: Iterator[ExportLine]) -> None:
    with closing(writer):
        for partition, content in groupby(records, key=attrgetter("partition")):
            writer.partition(partition, content)


def _check_count(address: KafkaAddress, extents: Mapping[str, Sequence[PartitionExtent]]) -> None:
    """Raises Unfit where the address asks for another number of partitions."""
    name = next(iter(extents))
    have = len(extents[name])
    if address.partitions not in (None, have):
        raise Unfit(
            f"the export's log of {name} has {have} partitions, the URL says {address.partitions}: "
            f"positions mean the same in as many alone. Write partitions={have}, or leave it out"
        )


def _make_topic(
    address: KafkaAddress, client: KafkaAdminClient, name: str, partitions: int
) -> Topic:
    topic = address.topic(name)
    topics.create_topics(client, {topic: partitions})
    return topics.checked_topics(client, address, [topic], partitions)[topic]


def _check_unused(address: KafkaAddress, client: KafkaAdminClient, name: str, first: bytes) -> None:
    """Raises Unfit where the topic of a log that the export lacks holds that of another desk.
    `first`: a first record of the export."""
    there = topics.describe_topic(client, address.topic(name))
    firsts = {} if there is None else first_records(address, there)
    desk = (genesis_of(first) or {}).get("desk")
    for found in firsts.values():
        if (genesis_of(found) or {}).get("desk") != desk:
            raise Unfit(f"{address.topic(name)} holds another log. {_elsewhere(found)}")


def _check_existing(
    address: KafkaAddress, client: KafkaAdminClient, name: str, wanted: Sequence[PartitionExtent]
) -> bool:
    """Whether there is a topic of that name. Raises Unfit where the export doesn't continue its
    records."""
    there = topics.describe_topic(client, address.topic(name))
    if there is None:
        return False
    topics.checked_topics(client, address, [there.name], None)
    if there.partitions != len(wanted):
        raise Unfit(
            f"{there.name} has {there.partitions} partitions, the export's log of {name} has "
            f"{len(wanted)}: import into another prefix. {_NOTHING}"
        )
    bounds = topics.partition_bounds(client, there)
    for partition, (start, _) in enumerate(bounds):
        if start:
            raise Unfit(
                f"{there.name} {partition} has lost its records before {start}: it is no log. "
                f"Import into another prefix. {_NOTHING}"
            )
    firsts = first_records(address, there)
    for partition, (_, end) in enumerate(bounds):
        where = f"{there.name} {partition}"
        if end > wanted[partition].end:
            raise Unfit(
                f"{where} holds {end} records, the export {wanted[partition].end}: it isn't an "
                f"earlier import of it. {_elsewhere(firsts[partition])}"
            )
        if end and firsts[partition] != wanted[partition].first:
            raise Unfit(
                f"{where} begins with another record than the export. "
                f"{_elsewhere(firsts[partition])}"
            )
    return True


def _elsewhere(first: bytes) -> str:
    about = genesis_of(first)
    whose = f"It belongs to desk {about['desk']}: " if about else ""
    return f"{whose}import into another prefix. {_NOTHING}"
