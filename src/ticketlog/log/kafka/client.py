"""The first connection of a client to its brokers, and why there is none; how a producer ends.

The client library tries until its time-out whatever is wrong, a password too, and only logs it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ticketlog.errors import Unreachable
from ticketlog.log.kafka.url import VARIABLE, KafkaAddress

if TYPE_CHECKING:
    from kafka import KafkaProducer

Client = TypeVar("Client")
_FAILED = re.compile(r"Bootstrap connection to \S+ failed: (.*) \(backoff")


def connect_client(
    make: Callable[..., Client],
    address: KafkaAddress,
    *,
    environment: Mapping[str, str] = os.environ,
    **options: Any,
) -> Client:
    """A client of kafka-python that has reached a broker. Raises Unreachable with the reason, and
    Usage for what `address` needs and the environment lacks."""
    from kafka.errors import KafkaTimeoutError

    settings = address.client(environment) | options
    with _logged() as failures:
        try:
            return make(**settings)
        except KafkaTimeoutError:
            brokers = ", ".join(address.brokers)
            raise Unreachable(f"no Kafka broker at {brokers}: {_why(address, failures)}") from None


def close_now(producer: KafkaProducer) -> None:
    """Ends a producer; what it holds is sent no more. Takes a second at most.

    Its own `close` flushes first. Where that fails it leaves the rest undone, and the producer goes
    on with what it holds as soon as it can, minutes later.
    """
    producer._sender.force_close()  # type: ignore[attr-defined]
    with suppress(Exception):
        producer.close(timeout=1)


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collects what each connection failed of."""
    failures: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if found := _FAILED.match(record.getMessage()):
                failures.append(found[1])

    collector, logger = Collector(), logging.getLogger("kafka.net.manager")
    logger.addHandler(collector)
    try:
        yield failures
    finally:
        logger.removeHandler(collector)


def _why(address: KafkaAddress, failures: list[str]) -> str:
    said = " ".join(failures)
    if address.mechanism and re.search("SaslAuthenticationFailed|socket disconnected", said):
        # A broker answers and hangs up at once; most often only the latter is seen.
        token = address.mechanism == "OAUTHBEARER"
        what = "TOKEN_FILE says" if token else "USERNAME and _PASSWORD say"
        return f"it doesn't let us in; {VARIABLE}{what} who we are"
    if "socket disconnected" in said:
        return f"it hangs up; does it speak {address.security}?"
    if "ECONNREFUSED" in said:
        return "nothing listens there"
    return failures[-1] if failures else "no answer in time"
