"""Events in one line for people."""

from __future__ import annotations

from ticketlog.documents.event_text import phrase
from ticketlog.domain import catalogue
from ticketlog.domain.ticket.feedback import Rated


def test_a_rating_that_was_changed_says_what_it_is_now() -> None:
    again = phrase(Rated(data_subject="KIM", score=5, old=2, team="network"))
    assert again == "rated: before 2, score 5, team network"
    assert phrase(Rated(data_subject="KIM", score=5)) == "rated: score 5"


def test_every_event_that_tells_what_was_before_also_tells_what_is_now() -> None:
    """By `new`; only a rating by another field, its score."""
    kinds = catalogue.EVENTS.values()
    others = {k for k in kinds if "old" in k.model_fields and "new" not in k.model_fields}
    assert others == {Rated}
