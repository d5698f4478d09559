"""The answers to commits that aren't written, because their id is known or they are stale."""

from __future__ import annotations

import orjson

from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.commit import Commit, Head
from ticketlog.log.port import Placed


def repeated_answer(commit: Commit, first: Placed, data: bytes) -> Placed | CommandReused:
    """The answer for an id that the stream has. `data`: the record that has it."""
    command = orjson.loads(data)["command"]
    if command == {"name": commit.command, "digest": commit.digest}:
        return first._replace(repeated=True)
    return CommandReused(
        f"the command id {commit.id} was used on {commit.stream} for another command "
        f"({command['name']}) or with other arguments: send a new command under a new id"
    )


def stale_conflict(commit: Commit, head: Head) -> Conflict:
    """The error for a commit that expects another head than the stream has."""
    return Conflict(
        f"{commit.stream} is at version {head.version} under settings {head.settings}; the commit "
        f"expects {commit.expects} under {commit.settings}: load and try again"
    )
