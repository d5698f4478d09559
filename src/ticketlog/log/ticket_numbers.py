"""Short numbers of tickets: what people say on the phone, `#4711`.

A ticket's number follows from the place of its first record in the log: it costs no event and no
look-up when the ticket is made, no two tickets can have the same however many processes write, and
an export that is restored, into either backend, keeps it (docs/decisions/102-short-numbers.md).
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from ticketlog.log.commit import Verdict
from ticketlog.log.port import Log

_TICKET = "ticket/"


class TicketNumbers(NamedTuple):
    """The numbers of a log's tickets."""

    log: Log

    def at(self, partition: int, offset: int) -> int:
        """The number of the ticket whose first record is at a place."""
        return offset * self.log.partitions + partition + 1

    def of(self, stream: str) -> int | None:
        """The number of a ticket ('ticket/ID'); None: it doesn't exist. Raises Unreachable,
        Damaged."""
        first = self.log.stream(stream, 0, 1)
        return self.at(first[0].partition, first[0].offset) if first else None

    def stream(self, number: int) -> str | None:
        """The ticket ('ticket/ID') of a number; None: no ticket has it. Raises Unreachable,
        Damaged."""
        if number < 1:
            return None
        offset, partition = divmod(number - 1, self.log.partitions)
        records = self.log.records(partition, offset, 1)
        if not records:  # Another process may have written it just now.
            self.log.sync()
            records = self.log.records(partition, offset, 1)
        if not records or records[0].verdict is not Verdict.ACCEPTED:
            return None
        record = orjson.loads(records[0].data)
        stream = str(record["stream"])
        return stream if stream.startswith(_TICKET) and record["expects"] == 0 else None
