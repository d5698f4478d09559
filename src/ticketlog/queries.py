"""The queries of a desk's views: `desk.query(queries.queue, team="network", limit=20)`.

Each is a function of a view; its parameters are those after `tables`, by name. `desk.at(...)` asks
the same of a moment of the past. Reports have names of their own: `desk.report("flow", by="team")`.
"""

from __future__ import annotations

from ticketlog.projections.views.agents import load
from ticketlog.projections.views.inbox import followed, inbox, snoozed, unassigned, unseen
from ticketlog.projections.views.persons import card, found, merged, survivor
from ticketlog.projections.views.queue import counts, page
from ticketlog.projections.views.search import search
from ticketlog.projections.views.sla.sla import at_risk, clocks
from ticketlog.projections.views.tickets import count_at, intervals, links, numbered, ticket
from ticketlog.projections.views.tickets import page as tickets

agent_load = load
"""How much each agent has to do, and whether they are there."""
persons = found
"""Persons by a part of their name, address or id."""
person = card
queue = page
"""What somebody should still work on, the most urgent first."""
queue_counts = counts
same_persons = merged
tickets_at = count_at
tickets_numbered = numbered
ticket_intervals = intervals
ticket_links = links

__all__ = [
    "agent_load",
    "at_risk",
    "clocks",
    "followed",
    "inbox",
    "person",
    "persons",
    "queue",
    "queue_counts",
    "same_persons",
    "search",
    "snoozed",
    "survivor",
    "ticket",
    "ticket_intervals",
    "ticket_links",
    "tickets",
    "tickets_at",
    "tickets_numbered",
    "unassigned",
    "unseen",
]
