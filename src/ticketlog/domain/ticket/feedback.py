"""Feedback on the work: surveys, ratings, reviews."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    IllegalTransition,
    Key,
    Personal,
    Recorded,
    Text,
)
from ticketlog.domain.rights import WORKERS
from ticketlog.domain.ticket.lookups import data_subject, is_requester
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket


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
    """A reviewer judged the closed ticket's handling."""

    NAME: ClassVar[str] = "ticket.reviewed.v1"
    ASPECT: ClassVar[str] = "review"
    data_subject: Key
    reviewer: Key
    verdict: Key
    text: Annotated[Text | None, Personal()] = None


class OfferSurvey(Command):
    NAME: ClassVar[str] = "ticket.offer-survey"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("closed",),
        help="Ask the requester how satisfied they are.",
        examples=("ticketlog ticket offer-survey 4F7K2M9QABCD",),
    )
    survey: Key = "default"


class Rate(Command):
    NAME: ClassVar[str] = "ticket.rate"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({"requester", "service"}),
        also_on=("closed",),
        help="Answer the survey: 1 (bad) to 5 (good).",
        examples=(
            'ticketlog ticket rate 4F7K2M9QABCD 5 --comment "Quick and kind" --as person:ANNA',
        ),
        positional=("score",),
    )
    score: Annotated[int, Field(ge=1, le=5)]
    comment: Text | None = None


class Review(Command):
    NAME: ClassVar[str] = "ticket.review"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("closed",),
        help="Judge the handling of a closed ticket.",
        examples=('ticketlog ticket review 4F7K2M9QABCD good --text "By the book"',),
        positional=("verdict",),
    )
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


EVOLVE: Evolutions = {SurveyOffered: _survey_offered, Rated: _rated, Reviewed: _reviewed}


def _offer(command: OfferSurvey, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.survey_offered:
        return []
    if ticket.status_category not in ("solved", "closed"):
        raise _too_early(ticket, "a survey is offered when it is solved")
    return [SurveyOffered(survey=command.survey)]


def _rate(command: Rate, ticket: Ticket, context: Context) -> list[Event]:
    """Only the requester, or a service in their name; only what was solved once (Zendesk)."""
    actor = context.actor
    rater = actor.on_behalf_of if actor.kind == "service" else actor.id
    if not is_requester(rater, ticket, context):
        raise Forbidden(
            f"{actor.id} can't rate ticket {ticket.id}; only its requester can", ticket=ticket.id
        )
    if ticket.status_category not in ("solved", "closed") and not ticket.solves:
        raise _too_early(ticket, "it is rated when it is solved")
    if command.score == ticket.rating and command.comment is None:
        return []
    return [rating(ticket, command.score, command.comment)]


def rating(ticket: Ticket, score: int, comment: str | None) -> Rated:
    """The rating, as given to who has the ticket now."""
    return Rated(
        data_subject=data_subject(ticket),
        score=score,
        old=ticket.rating,
        comment=comment,
        team=ticket.team,
        assignee=ticket.assignee,
    )


def _review(command: Review, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category != "closed":
        raise _too_early(ticket, "it is reviewed when it is closed")
    reviewer = context.actor.id
    if command.text is None and ticket.reviews.get(reviewer) == command.verdict:
        return []
    return [
        Reviewed(
            data_subject=data_subject(ticket),
            reviewer=reviewer,
            verdict=command.verdict,
            text=command.text,
        )
    ]


def _too_early(ticket: Ticket, rule: str) -> IllegalTransition:
    return IllegalTransition(
        f"ticket {ticket.id} is {ticket.status}; {rule}", ticket=ticket.id, status=ticket.status
    )


DECIDE: Decisions = {
    OfferSurvey: _offer,
    Rate: _rate,
    Review: _review,
}
