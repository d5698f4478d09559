"""Pages are in a topic as a whole, at once or never."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from broker.cluster import Cluster
from tests.kafka import fresh_url
from ticketlog.log.kafka import batch_producer as sender
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.batch_producer import BatchProducer
from ticketlog.log.kafka.url import KafkaAddress

pytestmark = pytest.mark.service


class Parcel(NamedTuple):
    value: bytes
    key: None = None


def test_a_page_that_was_given_up_never_arrives(
    own_broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_DEADLINE_S", 1.0)
    where = KafkaAddress.parse(fresh_url(own_broker.bootstrap))
    with topics.admin(where) as admin:
        topics.create_topics(admin, {"pages": 1})
        sending = BatchProducer(where, "pages")
        assert sending.send({0: [Parcel(b"one"), Parcel(b"two")]}) == {0: 0}
        own_broker.kill()
        assert sending.send({0: [Parcel(b"late")]}) == {}
        own_broker.start()
        time.sleep(2)
        assert sending.send({0: [Parcel(b"three")]}) == {0: 2}
        sending.close()
