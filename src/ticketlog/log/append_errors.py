"""What somebody is told whose commit isn't written, because of what the log holds already."""

from __future__ import annotations

import orjson

from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.commit import Commit, Head
from ticketlog.log.port import Placed


def repeated_answer(commit: Commit, first: Placed, data: bytes) -> Placed | CommandReused:
    """For an id that the stream has: `data` is the record that has it."""
    command = orjson.loads(data)["command"]
    if command == {"name": commit.command, "digest": commit.digest}:
        return first._replace(again=True)
    return CommandReused(
        f"the command id {commit.id} was used on {commit.stream} for another command "
        f"({command['name']}) or with other arguments: send a new command under a new id"
    )


def stale_conflict(commit: Commit, head: Head) -> Conflict:
    return Conflict(
        f"{commit.stream} is at version {head.version} under settings {head.settings}; the commit "
        f"expects {commit.expects} under {commit.settings}: load and try again"
    )
