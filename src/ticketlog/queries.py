"""The queries of a desk: every one that `Desk.query` takes, by its class.

docs/QUERIES.md says what each takes and answers.
"""

from __future__ import annotations

from ticketlog.projections.views.agents import AgentLoad, HeldByAbsentReport
from ticketlog.projections.views.changes import Changes, ChangesSince, ChosenStream, Ratings
from ticketlog.projections.views.gaming.gaming import GamingCasesReport, GamingReport
from ticketlog.projections.views.hooks import HookMessages
from ticketlog.projections.views.inbox import (
    FollowedTickets,
    Inbox,
    SnoozedTickets,
    UnassignedTickets,
    UnseenTickets,
)
from ticketlog.projections.views.persons import (
    AddressOwners,
    MergedPersons,
    PersonCard,
    Persons,
    SharedAddresses,
    Survivor,
)
from ticketlog.projections.views.queue import Queue, QueueCounts
from ticketlog.projections.views.reports.firings import RulesReport
from ticketlog.projections.views.reports.reports import (
    EndingsReport,
    FlowReport,
    QualityReport,
    TimesReport,
)
from ticketlog.projections.views.reports.surveys import SatisfactionReport
from ticketlog.projections.views.search import Search
from ticketlog.projections.views.sla.attainment import AttainmentReport
from ticketlog.projections.views.sla.breaches import BreachesReport, TicketBreaches
from ticketlog.projections.views.sla.sla import ClocksAtRisk, TicketClocks
from ticketlog.projections.views.tickets import (
    ClocksAhead,
    CorrectedSince,
    LinkCircles,
    LinksTo,
    NumberedTickets,
    OneTicket,
    TicketCounts,
    TicketIntervals,
    TicketLinks,
    Tickets,
    UsedTags,
)
from ticketlog.projections.views.utilisation.utilisation import UtilisationReport

__all__ = [
    "AddressOwners",
    "AgentLoad",
    "AttainmentReport",
    "BreachesReport",
    "Changes",
    "ChangesSince",
    "ChosenStream",
    "ClocksAhead",
    "ClocksAtRisk",
    "CorrectedSince",
    "EndingsReport",
    "FlowReport",
    "FollowedTickets",
    "GamingCasesReport",
    "GamingReport",
    "HeldByAbsentReport",
    "HookMessages",
    "Inbox",
    "LinkCircles",
    "LinksTo",
    "MergedPersons",
    "NumberedTickets",
    "OneTicket",
    "PersonCard",
    "Persons",
    "QualityReport",
    "Queue",
    "QueueCounts",
    "Ratings",
    "RulesReport",
    "SatisfactionReport",
    "Search",
    "SharedAddresses",
    "SnoozedTickets",
    "Survivor",
    "TicketBreaches",
    "TicketClocks",
    "TicketCounts",
    "TicketIntervals",
    "TicketLinks",
    "Tickets",
    "TimesReport",
    "UnassignedTickets",
    "UnseenTickets",
    "UsedTags",
    "UtilisationReport",
]
