"""Sends pages of records, each as one batch, so that a page is in the topic as a whole or not at
all.

The client lingers until it is flushed, and its batches hold more than any page: all records that
were appended to a partition go in one. Were a page two batches, the second could be written
where the first was lost, and a record would be missing in the middle for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from ticketlog.log.kafka.client import close_now, connect_client
from ticketlog.log.kafka.producer import PRODUCER
from ticketlog.log.kafka.topics import unreachable_error
from ticketlog.log.kafka.url import KafkaAddress

_DEADLINE_S = 20.0
"""Seconds without an answer after which the client counts as broken."""
_LINGER_MS = 600_000
"""Milliseconds: longer than appending a page can take, a process that is paused included."""
_PRODUCER: Mapping[str, Any] = {
    **PRODUCER,
    "linger_ms": _LINGER_MS,
    "delivery_timeout_ms": _LINGER_MS + PRODUCER["delivery_timeout_ms"],
    "batch_size": 4 << 20,
}


class Sendable(Protocol):
    """A record to send."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes: ...


class BatchProducer:
    """Sends pages. For one thread. `headers` go with every record."""

    def __init__(
        self, address: KafkaAddress, topic: str, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        self.trouble: str | None = None
        """The reason for which the last pages that failed weren't acknowledged."""
        self._address = address
        self._topic = topic
        self._headers = list(headers)
        self._producer: KafkaProducer | None = None

    def close(self) -> None:
        """Closes the client; pages without an acknowledgement may arrive all the same."""
        if self._producer is not None:
            close_now(self._producer)
            self._producer = None

    def send(self, pages: Mapping[int, Sequence[Sendable]]) -> dict[int, int]:
        """The offset of the first record of each acknowledged page. Pages without one may arrive
        yet. Raises Unreachable."""
        producer = self._opened()
        futures: dict[int, list[Any]] = {}
        try:
            futures = {p: [self._append(producer, p, m) for m in page] for p, page in pages.items()}
            producer.flush(timeout=_DEADLINE_S)
        except KafkaTimeoutError:
            self.trouble = f"no answer within {_DEADLINE_S:.0f} s"
        except KafkaError as error:
            self.close()
            raise unreachable_error(self._address, error) from error
        acked = {}
        for partition, sent in futures.items():
            failed = next((f.exception for f in sent if not f.is_done or f.failed()), None)
            if all(f.is_done and not f.failed() for f in sent) and sent[0].value.offset >= 0:
                acked[partition] = sent[0].value.offset
            elif failed is not None:
                self.trouble = str(failed) or type(failed).__name__
        if len(acked) < len(pages):
            self.close()
        return acked

    def _append(self, producer: KafkaProducer, partition: int, message: Sendable) -> Any:
        return producer.send(
            self._topic,
            value=message.value,
            key=message.key,
            headers=self._headers,
            partition=partition,
        )

    def _opened(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = connect_client(KafkaProducer, self._address, **_PRODUCER)
        return self._producer
