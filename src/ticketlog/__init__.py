"""An event-sourced ticketing engine: complete histories, and every report rebuilt by replay.

    import ticketlog

    with ticketlog.open_desk("my-desk") as desk:
        ...

`open_desk`, `init_desk` and `Desk` are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticketlog.desk import Desk, init_desk, open_desk

__all__ = ["Desk", "init_desk", "open_desk"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ticketlog import desk

        return getattr(desk, name)
    raise AttributeError(f"module 'ticketlog' has no attribute {name!r}")
