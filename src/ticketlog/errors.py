"""The errors of ticketlog, and the exit code of each.

    TicketlogError
    |- Usage          2  wrong use of an interface, an unreadable file, a bad mapping
    |- Conflict       1  another commit was first; load and decide again
    |- CommandReused  1  the id was used for another command
    |- Unfit          1  a topic that would not keep a log: a setting, a number of replicas
    |- Unreachable    3  the log or a view's database does not answer, or is full
    |  `- InDoubt     3  sent and not answered: send it again under the same id
    |- Damaged        3  what is stored is not what was written
    |  `- Unreadable  3  an event that this release doesn't know or can't read
    |- Poison         3  an event that a view can't take stopped its rebuild
    `- NewerFormat    3  written by a newer release: upgrade
Refusals by a rule (exit code 1) are `ticketlog.domain.base.Refused`.
"""

from __future__ import annotations

from typing import ClassVar


class TicketlogError(Exception):
    exit_code: ClassVar[int] = 3


class Usage(TicketlogError):
    exit_code = 2


class Conflict(TicketlogError):
    """The stream has moved on from the version that the commit expects."""

    exit_code = 1


class CommandReused(TicketlogError):
    """The command id was accepted before, with another command or other arguments."""

    exit_code = 1


class Unfit(TicketlogError):
    exit_code = 1


class Unreachable(TicketlogError):
    pass


class InDoubt(Unreachable):
    """Whether the commit was accepted isn't known; its id makes it safe to send it again."""


class Damaged(TicketlogError):
    pass


class Unreadable(Damaged):
    pass


class Poison(TicketlogError):
    """A view's fold fails at an event: its stream is parked, or a rebuild stops."""


class NewerFormat(TicketlogError):
    pass
