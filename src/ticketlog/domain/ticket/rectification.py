"""A ticket's history as it counts after its clock was set back.

What was stamped ahead of its receipt happened when it was received, and what never happened is left
out: the same that the ticket's state becomes by the correction. The log keeps what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.evolution import evolve, initial
from ticketlog.domain.ticket.time_correction import TimeCorrected, lies_ahead, sound


def corrects(commit: Sequence[Recorded]) -> bool:
    """Whether a commit sets the ticket's clock back."""
    return type(commit[0].event) is TimeCorrected


def rectified(id: str, commits: Sequence[list[Recorded]]) -> list[list[Recorded]]:
    """A ticket's commits from its first on, as its last correction leaves them; those that nothing
    is left of are gone. Without a correction they are what they were."""
    last = max((n for n, commit in enumerate(commits) if corrects(commit)), default=-1)
    if not any(lies_ahead(commit[0].meta) for commit in commits[: max(last, 0)]):
        return list(commits)
    ticket = initial(id)
    found: list[list[Recorded]] = []
    for commit in commits[:last]:
        made: list[Recorded] = []
        for recorded in commit:
            counted = sound(recorded, ticket)
            if counted is not None:
                ticket = evolve(ticket, counted)
                made.append(counted)
        if made:
            found.append(made)
    return [*found, *commits[last:]]


def rectified_history(id: str, history: Iterable[Recorded]) -> list[Recorded]:
    """The same for events one after the other."""
    commits = [list(each) for _, each in groupby(history, key=lambda each: each.meta.commit)]
    return [recorded for commit in rectified(id, commits) for recorded in commit]
