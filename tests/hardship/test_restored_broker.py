"""A broker that comes back with an older copy of its disk: the topic is the same, and shorter."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest

from broker.cluster import Cluster
from tests.hardship.writers import LONGEST, opened
from tests.kafka import fresh_url
from tests.log.commits import a_commit
from tests.log.kafka_backend import NAME
from ticketlog.errors import Damaged
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress

pytestmark = pytest.mark.service
CUT = "truncated or made again"


@contextmanager
def taken_back(broker: Cluster, folder: Path) -> Iterator[None]:
    """At the end the broker has forgotten what happened meanwhile."""
    data = broker.folder / "broker-0" / "data"
    broker.stop()
    shutil.copytree(data, folder)
    broker.start()
    yield
    broker.stop()
    shutil.rmtree(data)
    folder.rename(data)
    broker.start()


def append(log: KafkaLog, versions: range, who: str) -> None:
    for version in versions:
        log.append(a_commit("ticket/A", version, id=f"{who}-{version}"))


def ids(log: KafkaLog) -> list[str]:
    return [orjson.loads(record.data)["id"] for record in log.records(0, 1, 100)]


def stopped(log: KafkaLog) -> None:
    deadline = time.monotonic() + LONGEST
    while not any(CUT in trouble for trouble in log.troubles()):
        assert time.monotonic() < deadline, log.troubles()
        time.sleep(0.05)


def test_a_log_whose_topic_lost_its_last_records_stops_and_keeps_what_it_has(
    own_broker: Cluster, tmp_path: Path
) -> None:
    url = f"{fresh_url(own_broker.bootstrap)}?partitions=1"
    create_or_join(KafkaAddress.parse(url), {NAME: 1, "settings": 1}, "desk-1")
    index = tmp_path / "index.db"
    with closing(opened(url, index)) as log:
        append(log, range(3), "before")
        with taken_back(own_broker, tmp_path / "copy"):
            with closing(opened(url, tmp_path / "colleague.db")) as colleague:
                append(colleague, range(3, 6), "lost")
            log.sync()
        known = ids(log)

        stopped(log)
        with pytest.raises(Damaged, match=CUT):
            log.append(a_commit("ticket/A", 6))
        assert ids(log) == known

    with closing(opened(url, tmp_path / "other.db")) as other:
        assert other.head("ticket/A").version == 3
        append(other, range(3, 7), "other")
        with closing(opened(url, index)) as log:
            stopped(log)
            with pytest.raises(Damaged, match=CUT):
                log.head("ticket/A")
            log.skip_sync()
            assert ids(log) == known
        assert ids(other)[3:] == [f"other-{version}" for version in range(3, 7)]
