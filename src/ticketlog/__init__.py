"""An event-sourced ticketing engine: complete histories, and every report rebuilt by replay.

    from ticketlog import Actor, open_desk
    from ticketlog.commands import CreateTicket

    with open_desk("my-desk") as desk:
        desk.execute(CreateTicket(subject="VPN drops"), actor=Actor("ann", "agent"))

The public face is this module, `ticketlog.commands`, `ticketlog.events` and `ticketlog.queries`
(docs/PYTHON.md). What it offers is loaded when it is first asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ticketlog.support.moved import MovedModules

if TYPE_CHECKING:
    from ticketlog.desk import Desk, init_desk, open_desk, restore_desk
    from ticketlog.domain.base import Actor, Refused
    from ticketlog.errors import TicketlogError

__all__ = [
    "Actor",
    "Desk",
    "Refused",
    "TicketlogError",
    "init_desk",
    "open_desk",
    "restore_desk",
]
_HOMES = {
    **dict.fromkeys(("Desk", "init_desk", "open_desk", "restore_desk"), "ticketlog.desk"),
    **dict.fromkeys(("Actor", "Refused"), "ticketlog.domain.base"),
    "TicketlogError": "ticketlog.errors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ticketlog' has no attribute {name!r}")


if not any(isinstance(each, MovedModules) for each in sys.meta_path):
    sys.meta_path.append(MovedModules())
