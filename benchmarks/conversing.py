"""A page of the conversation of two merged tickets, beside that of one without another in it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Bench, Figure, in_turn, stopwatch
from ticketlog import Desk, init_desk
from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import new_id, request
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.merging import Merge

AGENT = Actor("jamal", "agent")
SETTINGS = """
[agents.jamal]
roles = ["agent", "admin"]
"""
PAGE = 30


def run(bench: Bench) -> Iterator[Figure]:
    comments = bench.sized(5_000, 100)
    with bench.scratch() as folder, init_desk(folder / "desk") as desk:
        desk.settings_apply(SETTINGS, actor=AGENT)
        source, target, alone = (_ticket(desk, comments) for _ in range(3))
        desk.execute(Merge(into=target), on=source, actor=AGENT)
        for where, after in (("first", 0), ("middle", comments // 2)):
            rounds = in_turn(
                bench,
                {
                    "joined": lambda: _asked(bench, desk, target, after),  # noqa: B023
                    "alone": lambda: _asked(bench, desk, alone, after),  # noqa: B023
                },
            )
            taken, ratio = rounds.median("joined"), rounds.ratio("joined", "alone")
            yield Figure(
                f"{where} page of {PAGE} of two merged tickets of {comments:,} comments",
                f"{taken:.2f} ms; {ratio:.2f} x",
                f"of one that nothing is merged into: {rounds.median('alone'):.2f} ms",
                "<= 2 x",
                ratio <= 2,
            )


def _ticket(desk: Desk, comments: int) -> str:
    """The id of a ticket on which so much was said."""
    stream = desk.execute(CreateTicket(subject="VPN drops"), actor=AGENT).stream
    given = {"occurred_at": None, "actor": AGENT, "channel": "api"}
    for start in range(0, comments, 500):
        replies = [Reply(body=f"Word {n}") for n in range(start, min(start + 500, comments))]
        made = [
            request(each, stream, id=new_id(), received_at=desk.now(), **given)  # type: ignore[arg-type]
            for each in replies
        ]
        execute_all(desk._executor, made)
    return stream.removeprefix("ticket/")


def _asked(bench: Bench, desk: Desk, ticket: str, skipped: int) -> float:
    """Milliseconds for a page, as an agent reads it."""
    after = None
    if skipped:
        after = desk.load(ticket).comments[skipped].id
    times = bench.sized(30, 2)
    with stopwatch() as seconds:
        for _ in range(times):
            page = desk.conversation(ticket, after=after, limit=PAGE, actor=AGENT)
    assert len(page.comments) == PAGE
    return 1_000 * seconds() / times
