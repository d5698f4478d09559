"""Tickets that are joined and parted, by short names, and what their conversations say."""

from __future__ import annotations

from typing import Any

from tests import helpdesk
from tests.helpdesk import ANN
from ticketlog.application.ticket_documents import history_of, ticket_document
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Command, kind_and_id
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.merging import Merge, Unmerge
from ticketlog.domain.ticket.relations import AddCc
from ticketlog.domain.ticket.splitting import Split, SplitTicket

SUPERVISOR = Actor("sue", "agent", "supervisor")


def merge(desk: Desk, source: str, into: str) -> None:
    """`source`, `into`: ids."""
    desk.execute(Merge(into=into), on=source, actor=SUPERVISOR)


def unmerge(desk: Desk, source: str) -> None:
    desk.execute(Unmerge(), on=source, actor=SUPERVISOR)


def replied(desk: Desk, ticket: str, command: Command, by: Actor) -> str:
    """The id of the event of a reply, or of an attachment, which goes to the survivor of a merged
    ticket."""
    return desk.execute(command, on=ticket, actor=by).events[0].id


class Joined:
    """Tickets of a desk, by names, and persons, too. A comment is told as 'origin:words', a line
    that is left of one as '-> ticket'."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._tickets: dict[str, str] = {}
        self._persons: dict[str, Actor] = {}

    def who(self, name: str) -> Actor:
        if name.islower():
            return Actor(name, "agent")
        if name not in self._persons:
            self._persons[name] = Actor(helpdesk.register(self.desk, name), "person")
        return self._persons[name]

    def id(self, name: str) -> str:
        return self._tickets[name]

    def opens(self, name: str, *, by: str, says: str) -> str:
        made = self.desk.execute(
            CreateTicket(subject=f"{says} subject", description=says), actor=self.who(by)
        )
        self._tickets[name] = kind_and_id(made.stream)[1]
        return self._tickets[name]

    def says(self, name: str, by: str, words: str, *, cc: bool = False) -> str:
        """The id of a new comment. `cc`: they are put in copy before."""
        if cc:
            self.desk.execute(AddCc(person=self.who(by).id), on=self.id(name), actor=ANN)
        return (
            self.desk.execute(Reply(body=words), on=self.id(name), actor=self.who(by)).events[0].id
        )

    def merge(self, source: str, into: str) -> None:
        merge(self.desk, self.id(source), self.id(into))

    def unmerge(self, source: str) -> None:
        unmerge(self.desk, self.id(source))

    def split(self, name: str, *comments: str, new: str, requester: str | None = None) -> None:
        who = None if requester is None else self.who(requester).id
        command = SplitTicket(comments=comments, subject=f"{new} subject", requester=who)
        [recorded] = self.desk.execute(command, on=self.id(name), actor=ANN).events
        assert isinstance(recorded.event, Split)
        self._tickets[new] = kind_and_id(recorded.event.into)[1]

    def name_of(self, id: str | None) -> str:
        return next((name for name, each in self._tickets.items() if each == id), "?")

    def told(self, comment: dict[str, Any]) -> str:
        if comment["gone"]:
            return f"-> {self.name_of(comment['now_in'])}"
        return f"{self.name_of(comment['origin'])}:{comment['body']}"

    def read(
        self, name: str, *, by: str | None = None, own: bool = False, source: Any = None
    ) -> list[str]:
        actor = None if by is None else self.who(by)
        page = (source or self.desk).conversation(self.id(name), actor=actor, own=own, limit=1_000)
        return [self.told(each) for each in page.plain()["comments"]]

    def show(self, name: str, *, by: str | None = None, own: bool = False) -> dict[str, Any]:
        actor = None if by is None else self.who(by)
        stream = f"ticket/{self.id(name)}"
        given: dict[str, Any] = {"at": None, "remark": print, "actor": actor, "own": own}
        return ticket_document(self.desk, stream, **given).plain()

    def streams_of_history(self, name: str, *, own: bool = False) -> set[str]:
        events = history_of(self.desk, f"ticket/{self.id(name)}", at=None, own=own)
        return {self.name_of(kind_and_id(each.originator_id)[1]) for each in events}
