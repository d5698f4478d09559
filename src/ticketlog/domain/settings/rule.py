"""A rule: conditions over a ticket with a place in an order, and how rules are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Generic, NamedTuple, TypeVar

from pydantic import Field

from ticketlog.domain.base import Key, Line, Value
from ticketlog.domain.settings.conditions import Conditions, ConditionVerdict, Facts, judge, matches

if TYPE_CHECKING:
    from ticketlog.domain.settings.model import Settings


class Rule(Value):
    """A rule: the conditions of its tickets, and its place in the order."""

    id: Key
    title: Line | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)]
    """Rules are tried by their positions, those of one position by their ids."""
    when: Conditions

    def broken(self, settings: Settings) -> Iterator[str]:
        """The problems of a rule besides its conditions, in itself and beside the rest of the
        settings, in a file's words."""
        yield from ()

    def broken_when_said(self) -> Iterator[str]:
        """The problems that are only checked where a file states the rule: one that an older
        release took stays in force as it is."""
        yield from ()


R = TypeVar("R", bound=Rule)


class TriedRule(NamedTuple, Generic[R]):
    """A rule that was asked, and what its conditions said."""

    rule: R
    verdict: ConditionVerdict


def in_order(rules: Iterable[R]) -> list[R]:
    """The rules as they are tried."""
    return sorted(rules, key=lambda rule: (rule.position, rule.id))


def tried(rules: Iterable[R], facts: Facts) -> Iterator[TriedRule[R]]:
    """The rules in order, each with its verdict, up to the first that matches."""
    for rule in in_order(rules):
        verdict = judge(rule.when, facts)
        yield TriedRule(rule, verdict)
        if verdict.matches:
            return


def first_match(ordered: Iterable[R], facts: Facts) -> R | None:
    """The first of the rules, as they are tried, that matches; None: none does."""
    return next((each for each in ordered if matches(each.when, facts)), None)
