"""Reports: a model for the rows of each, and what stands around them.

A row is a period and a group of the dimensions that were asked for. All numbers are whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from ticketlog.documents.base import (
    At,
    Change,
    Count,
    Cut,
    Digest,
    Document,
    Hundredths,
    Id,
    Number,
    Offset,
    Percent,
    Share,
    Text,
    WholeSeconds,
    Word,
)


class Row(Document):
    """Of a report."""

    period: Word
    """2026-03-29, 2026-W13 (ISO), 2026-03"""


class ByAgent(Row):
    """The dimensions of agents, where they were asked for; null: nobody."""

    team: Id | None = None
    agent: Id | None = None


class ByTicket(ByAgent):
    """The dimensions that tickets had at that instant, where they were asked for; null: none."""

    priority: Word | None = None
    category: Id | None = None
    product: Id | None = None
    channel: Word | None = None
    type: Word | None = None
    organisation: Id | None = None


class ByPromise(ByAgent):
    """The dimensions of promises, where they were asked for; null: none."""

    metric: Word | None = None
    policy: Id | None = None
    policy_version: Number | None = None
    priority: Word | None = None
    organisation: Id | None = None


class FlowRow(ByTicket):
    """created + reopened + restored + moved_in = solved + cancelled + spam + duplicates + moved_out
    + change."""

    created: Count
    reopened: Count
    restored: Count
    moved_in: Count
    solved: Count
    cancelled: Count
    spam: Count
    duplicates: Count
    moved_out: Count
    change: Change
    """Of the backlog."""
    backlog: Count
    """At the end of the period."""


class TimesRow(ByTicket):
    """The times from creation, counted where they ended."""

    first_reply_time_n: Count
    """How many there were."""
    first_reply_time_median_seconds: WholeSeconds | None
    first_reply_time_p90_seconds: WholeSeconds | None
    """90th percentile."""
    resolution_time_n: Count
    resolution_time_median_seconds: WholeSeconds | None
    resolution_time_p90_seconds: WholeSeconds | None


class QualityRow(ByTicket):
    """The quality of the work."""

    solved: Count
    first_contact: Count
    """Solved with exactly one public reply by an agent, and not reopened within the window."""
    first_contact_undecided: Count
    """So far, but the window isn't over."""
    first_contact_of: Count
    """Solved so long ago that the window is over."""
    first_contact_rate: Share | None
    reopened: Count
    hops_n: Count
    """Hand-overs until the solve."""
    hops_median: Count | None
    hops_p90: Count | None
    touches_n: Count
    """Commits by agents until the solve."""
    touches_median: Count | None
    touches_p90: Count | None


class EndingsRow(ByTicket):
    """The endings of tickets."""

    solved: Count
    closed: Count
    cancelled: Count
    spam: Count
    duplicates: Count


class SatisfactionRow(ByTicket):
    """The requesters' answers to surveys."""

    offered: Count
    answered: Count
    rate: Share | None
    """Of those that were offered."""
    ratings: Count
    score: Hundredths | None
    """On average, from 1 to 5."""
    satisfied: Share | None
    """4 and 5."""
    comments: Count


class RulesRow(ByTicket):
    """The acts of a rule."""

    kind: Word | None = None
    rule: Id | None = None
    version: Number | None = None
    fired: Count
    refused: Count
    tickets: Count


class AttainmentRow(ByPromise):
    """The number of promises that were kept."""

    met: Count
    breached: Count
    withdrawn: Count
    of: Count
    """met and breached"""
    attainment: Share | None
    used_n: Count
    """Clocks that were fulfilled in the period, and the time that they had used."""
    used_median_seconds: WholeSeconds | None
    used_p90_seconds: WholeSeconds | None
    business_used_n: Count
    """The same in open time, where a calendar measured it."""
    business_used_median_seconds: WholeSeconds | None
    business_used_p90_seconds: WholeSeconds | None


class BreachesRow(ByPromise):
    """In whose hands promises were broken."""

    status: Word | None = None
    breaches: Count
    """Those whose clock ran last in these hands."""
    involved: Count
    """Those whose clock ever did."""
    seconds: WholeSeconds
    """How long the clocks had run there."""
    business_seconds: WholeSeconds | None
    """Of it in open time."""


class UtilisationRow(ByAgent):
    """The working time of agents."""

    online_seconds: WholeSeconds
    away_seconds: WholeSeconds
    on_shift_seconds: WholeSeconds
    worked_seconds: WholeSeconds
    engaged_seconds: WholeSeconds
    open_seconds: WholeSeconds
    waiting_seconds: WholeSeconds
    tickets: Count
    touches: Count
    solved: Count
    load: Hundredths | None
    """New and open tickets while online, on average."""
    occupancy: Share | None
    utilisation: Share | None


class GamingRow(ByAgent):
    """Acts that look done for the figures."""

    pattern: Word
    likely: Count
    of: Count
    """All acts of the kind."""
    share: Share


class GamingCase(Row):
    """An act that looks done for the figures."""

    at: At
    ticket: Id
    pattern: Word
    agent: Id | None
    team: Id | None
    old: Word | None
    new: Word | None
    """Status or priority."""
    asked_at: At | None
    """When a person said something last that no agent had answered."""
    answered_at: At | None
    undone_at: At | None
    """When the clock went on, or the ticket was reopened."""
    undone_by: Word | None
    metric: Word | None
    """Of the clock that it concerned; the others are what that clock stood at."""
    instance: Number | None
    policy: Id | None
    policy_version: Number | None
    target_seconds: WholeSeconds | None
    business: bool | None
    """The target counts open time."""
    left_seconds: WholeSeconds | None
    due: At | None
    new_target_seconds: WholeSeconds | None
    """Under the new priority; null: no target."""
    new_left_seconds: WholeSeconds | None
    new_due: At | None
    event: Id


class HeldRow(Row):
    """The tickets of agents who don't work there any more, or are absent. It has no period."""

    period: Word = ""
    agent: Id | None = None
    team: Id | None = None
    why: Text | None = None
    """retired, removed from the settings, not in the team, absent"""
    tickets: Count
    since: At | None
    """When they went; null: it isn't known."""
    oldest: At
    """When the oldest of these tickets was created."""


class Thresholds(Document):
    """From where gaming is likely."""

    replied_seconds: WholeSeconds
    answered_seconds: WholeSeconds
    near_seconds: WholeSeconds
    share_percent: Percent
    reopened_seconds: WholeSeconds


class Parameters(Document):
    """The parameters of a report."""

    period: Word
    zone: Word
    by: list[Word]
    start: At | None
    end: At | None
    where: dict[Word, Text]
    thresholds: Thresholds | None = None
    window_seconds: WholeSeconds | None = None
    """After a solve, in which a reopening undoes the first contact."""


class Recomputed(Document):
    """On another basis than "as was"."""

    settings: Offset
    """The position where they came into force."""
    until: At
    """Until when time passed."""


class Report(Document):
    """A report, and what it was made from."""

    report: Word
    view: Word
    version: Number
    """Of the view; raised also where the names of a report's columns change."""
    cut: Cut
    occurred_as_of: At | None
    settings: Text
    """Under which settings promises count: "as was"; "as now", those in force at the cut; or
    "position N"."""
    parameters: Parameters
    rows: Sequence[Row]
    recomputed: Recomputed | None = None
    scope: Text | None = None
    """The tickets that it was made of, where these aren't all: as its asker sees them."""
    sha256: Digest
    """Of the canonical JSON of all the rest."""


class Flow(Report):
    """The tickets that came into the backlog, went out of it, and are left."""

    rows: Sequence[FlowRow]


class Times(Report):
    """First reply and resolution."""

    rows: Sequence[TimesRow]


class Quality(Report):
    """First contact, reopenings, hand-overs, touches."""

    rows: Sequence[QualityRow]


class Endings(Report):
    """Solved, closed, cancelled, spam, duplicates."""

    rows: Sequence[EndingsRow]


class Satisfaction(Report):
    """Surveys, answers, ratings, comments."""

    rows: Sequence[SatisfactionRow]


class Rules(Report):
    """The acts of rules, and those that they couldn't do."""

    rows: Sequence[RulesRow]


class Attainment(Report):
    """Targets met and breached."""

    rows: Sequence[AttainmentRow]


class Breaches(Report):
    """The holders of clocks that were breached."""

    rows: Sequence[BreachesRow]


class Utilisation(Report):
    """The working time of agents, and their load."""

    rows: Sequence[UtilisationRow]


class Gaming(Report):
    """Acts that look done for the figures, of all such acts."""

    rows: Sequence[GamingRow]


class GamingCases(Report):
    """Each of them."""

    rows: Sequence[GamingCase]


class HeldByAbsent(Report):
    """Tickets of agents who are gone or absent."""

    rows: Sequence[HeldRow]
