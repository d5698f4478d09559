"""What people think of the work afterwards: surveys, ratings, reviews."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import Command, Event, Key, Personal, Recorded, Text
from ticketlog.domain.ticket.state import Ticket


class SurveyOffered(Event):
    """The requester was asked how satisfied they are."""

    NAME: ClassVar[str] = "ticket.survey-offered.v1"
    ASPECT: ClassVar[str] = "rating"
    survey: Key


class Rated(Event):
    """The requester answered: a score from 1 (bad) to 5 (good)."""

    NAME: ClassVar[str] = "ticket.rated.v1"
    ASPECT: ClassVar[str] = "rating"
    data_subject: Key
    score: Annotated[int, Field(ge=1, le=5)]
    old: int | None = None
    comment: Annotated[Text | None, Personal()] = None
    team: Key | None = None
    assignee: Key | None = None
    """Who is rated: the team and agent of this instant."""


class Reviewed(Event):
    """Somebody judged the closed ticket's handling."""

    NAME: ClassVar[str] = "ticket.reviewed.v1"
    ASPECT: ClassVar[str] = "review"
    data_subject: Key
    reviewer: Key
    verdict: Key
    text: Annotated[Text | None, Personal()] = None


class OfferSurvey(Command):
    NAME: ClassVar[str] = "ticket.offer-survey"
    survey: Key = "default"


class Rate(Command):
    NAME: ClassVar[str] = "ticket.rate"
    score: Annotated[int, Field(ge=1, le=5)]
    comment: Text | None = None


class Review(Command):
    NAME: ClassVar[str] = "ticket.review"
    verdict: Key
    text: Text | None = None


def _survey_offered(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"survey_offered": True}


def _rated(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, Rated)
    return {"rating": recorded.event.score}


def _reviewed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Reviewed)
    return {"reviews": {**ticket.reviews, event.reviewer: event.verdict}}


EVOLVE = {SurveyOffered: _survey_offered, Rated: _rated, Reviewed: _reviewed}
