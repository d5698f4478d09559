"""Access to the views: who may ask what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketlog.domain.base import Actor
from ticketlog.domain.rights import Load, check_known
from ticketlog.domain.settings.model import Settings

if TYPE_CHECKING:
    from ticketlog.projections.engine.query import Query


class Access(NamedTuple):
    """The settings in force and the states of streams by which it is decided who may ask: those of
    now, whatever moment is asked about."""

    settings: Callable[[], Settings]
    load: Load

    def check_may_ask(self, actor: Actor | None, query: Query[Any]) -> None:
        """Every known actor may ask everything. None: the operator, who may read the desk's files,
        or the desk itself. Raises Forbidden for an actor who isn't known."""
        if actor is not None:
            check_known(actor, self.settings(), self.load)
