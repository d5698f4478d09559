"""Macros that an agent may apply, and what one would do to a ticket."""

from __future__ import annotations

from ticketlog.documents.base import Anything, Document, Id, Number, Text, Word


class MacroRow(Document):
    """A macro, and whether it fits a ticket."""

    macro: Id
    """With its version."""
    title: Text | None
    fits: bool | None
    """Whether its conditions hold for the ticket; null where none was named."""
    why_not: Text | None


class MacroList(Document):
    """The macros that an agent may apply, as they are offered."""

    macros: list[MacroRow]


class MarkedPart(Document):
    """A part of a text beside another one."""

    mark: Word
    """same, added, removed"""
    text: Text


class PlannedEvent(Document):
    """An event that a command would record."""

    type: Word
    data: dict[Word, Anything]


class MacroPreview(Document):
    """The events that a macro would record on a ticket now, and its text."""

    macro: Id
    """With its version: what is applied only while it is in force."""
    ticket: Id
    version: Number
    """Of the ticket: what a later `--seen` may say."""
    language: Id | None
    text: Text | None
    """What would be said; null: nothing."""
    marked: list[MarkedPart]
    """The text beside what the template says: beside its own words where it wasn't edited, so that
    what was filled in is marked; else beside the text that it made."""
    events: list[PlannedEvent]
    """None where the ticket is as the macro wants it."""
