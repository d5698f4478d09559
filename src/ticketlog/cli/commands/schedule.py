"""`ticketlog schedule ...`: tickets that a recurrence opens, their dates and exceptions."""

from __future__ import annotations

from ticketlog.cli.framework import ModelGroup, Read

schedule = ModelGroup(
    "schedule",
    help="Tickets that recur: next dates, one skipped or moved; the settings say what and when.",
    reads={
        "list": Read("schedules", "List schedules, the next due first."),
        "next": Read("schedule-dates", "Show a schedule's earlier dates and those ahead."),
    },
)
