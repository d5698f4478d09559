"""Tickets' histories under other settings than those that they lived under, for views of them."""

from __future__ import annotations

from typing import NamedTuple

from ticketlog.domain.settings.model import Settings


class Basis(NamedTuple):
    """Settings under which tickets' histories are recomputed, with what was due until an
    instant."""

    settings: Settings
    until: int
