"""A desk that was made just now: in an empty folder, or from an export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ticketlog.documents.desks import Made, RestoredDesk
from ticketlog.domain.rights import admins
from ticketlog.domain.settings.model import Settings
from ticketlog.log.port import Log

if TYPE_CHECKING:
    from ticketlog.projections.engine.moment import Cut


class NewDesk(Protocol):
    """A desk, as far as these documents tell of it."""

    @property
    def folder(self) -> Path: ...
    @property
    def log(self) -> Log: ...
    @property
    def settings(self) -> Settings: ...
    def cut(self) -> Cut: ...


def made_document(desk: NewDesk) -> Made:
    """A desk that was made in a folder."""
    return Made(
        desk=desk.log.desk,
        folder=str(desk.folder),
        partitions=desk.log.partitions,
        admins=admins(desk.settings),
    )


def restored_document(desk: NewDesk) -> RestoredDesk:
    """A desk that was made from an export."""
    return RestoredDesk(desk=desk.log.desk, folder=str(desk.folder), cut=str(desk.cut()))
