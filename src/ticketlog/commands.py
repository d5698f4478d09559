"""The commands of a desk: every one that `Desk.execute` takes, by its class.

Docstrings and docs/CLI.md say what each does, docs/RIGHTS.md which roles may send it.
"""

from __future__ import annotations

from ticketlog.domain.imports import (
    BeginImport,
    BeginWithdrawal,
    EndImport,
    EndWithdrawal,
    KeepSecret,
)
from ticketlog.domain.parties.agent import Release, Reserve, SetAvailability, SetShifts
from ticketlog.domain.parties.attention import MarkSeen, Snooze
from ticketlog.domain.parties.contact import AddAddress, RemoveAddress, VerifyAddress
from ticketlog.domain.parties.organisation import (
    RegisterOrganisation,
    RenameOrganisation,
    SetOrganisationContract,
    SetOrganisationDomains,
    SetOrganisationLocale,
    SetOrganisationTier,
)
from ticketlog.domain.parties.person import (
    MergePerson,
    RegisterPerson,
    RenamePerson,
    SetPersonLocale,
    SetPersonOrganisation,
    UnmergePerson,
)
from ticketlog.domain.ticket.assignment import Assign, Claim, Escalate, Unassign
from ticketlog.domain.ticket.automation import Choose, Notify, Remind, Route, Settle
from ticketlog.domain.ticket.classification import (
    Classify,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    Tag,
)
from ticketlog.domain.ticket.conversation import Attach, Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.feedback import OfferSurvey, Rate, Review
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Close,
    Hold,
    MarkSpam,
    Reopen,
    Restore,
    SetStatus,
    Solve,
    Verify,
)
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import (
    AddCc,
    Follow,
    LinkTo,
    PlaceLegalHold,
    ReleaseLegalHold,
    RemoveCc,
    Unfollow,
    Unlink,
)
from ticketlog.domain.ticket.sla_events import ReapplySla, RecordDue
from ticketlog.domain.ticket.time_correction import CorrectTime
from ticketlog.domain.ticket.withdrawal import Withdraw
from ticketlog.domain.ticket.work import StartWork, StopWork
from ticketlog.domain.webhook import (
    CancelReplay,
    DisableWebhook,
    EndReplay,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
)

__all__ = [
    "AddAddress",
    "AddCc",
    "Assign",
    "Attach",
    "BeginImport",
    "BeginWithdrawal",
    "Cancel",
    "CancelReplay",
    "Choose",
    "Claim",
    "Classify",
    "Close",
    "CorrectTime",
    "CreateTicket",
    "DisableWebhook",
    "EndImport",
    "EndReplay",
    "EndWithdrawal",
    "Escalate",
    "Follow",
    "Hold",
    "KeepSecret",
    "LinkTo",
    "MarkSeen",
    "MarkSpam",
    "MergePerson",
    "Note",
    "Notify",
    "OfferSurvey",
    "PauseWebhook",
    "PlaceLegalHold",
    "Prioritise",
    "Rate",
    "ReapplySla",
    "RecordActivity",
    "RecordDue",
    "Redact",
    "RegisterOrganisation",
    "RegisterPerson",
    "Release",
    "ReleaseLegalHold",
    "Remind",
    "RemoveAddress",
    "RemoveCc",
    "RenameOrganisation",
    "RenamePerson",
    "Reopen",
    "ReplayWebhook",
    "Reply",
    "Reserve",
    "Restore",
    "ResumeWebhook",
    "Review",
    "Route",
    "SetAvailability",
    "SetDue",
    "SetFields",
    "SetOrganisation",
    "SetOrganisationContract",
    "SetOrganisationDomains",
    "SetOrganisationLocale",
    "SetOrganisationTier",
    "SetPersonLocale",
    "SetPersonOrganisation",
    "SetRequester",
    "SetShifts",
    "SetStatus",
    "SetSubject",
    "Settle",
    "Snooze",
    "Solve",
    "StartWork",
    "StopWork",
    "Tag",
    "Unassign",
    "Unfollow",
    "Unlink",
    "UnmergePerson",
    "Verify",
    "VerifyAddress",
    "Withdraw",
]
