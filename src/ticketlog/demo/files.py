"""The few small files that are attached again and again in the simulation."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from ticketlog.demo.case import DemoCase
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Attach


class File(NamedTuple):
    """A file to attach."""

    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


FILES = (
    File("check.log", "text/plain", b"step 1 ok\nstep 2 ok\nstep 3 FAILED: timeout after 30 s\n"),
    File(
        "trace.txt", "text/plain", b" 1  <1 ms  gateway\n 2   4 ms  provider\n 3    *    *    *\n"
    ),
    File(
        "window.svg",
        "image/svg+xml",
        b"<svg xmlns='http://www.w3.org/2000/svg'><text>809</text></svg>",
    ),
    File("addresses.csv", "text/csv", b"from,to,port\n10.4.7.1,10.9.0.12,5443\n"),
    File("approval.eml", "message/rfc822", b"Subject: Re: access\n\nApproved.\n"),
    File("settings.json", "application/json", b'{"proxy": null, "retries": 3}\n'),
)


def attach(case: DemoCase, actor: Actor, channel: str) -> None:
    """Attaches one of the files to the last comment, or to the ticket."""
    file = case.world.dice.pick(FILES)
    case.do(
        Attach(
            name=file.name,
            media_type=file.media_type,
            size=len(file.content),
            sha256=file.sha256,
            comment=case.last_comment,
        ),
        actor,
        channel,
    )
