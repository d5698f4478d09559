"""The events of a desk's logs, by their classes (docs/EVENTS.md)."""

from __future__ import annotations

from ticketlog.domain.accounts.access_record import AccessExported, AccessRead, AccessRefused
from ticketlog.domain.accounts.identity import IdentityLinked, IdentitySignedIn, IdentityUnlinked
from ticketlog.domain.accounts.login_link import LoginLinkCreated, LoginLinkUsed
from ticketlog.domain.accounts.passkey import PasskeyRegistered, PasskeyRemoved, PasskeyUsed
from ticketlog.domain.accounts.review_sign_off import ReviewSignedOff
from ticketlog.domain.accounts.session import SessionBegun, SessionEnded, SessionSeen
from ticketlog.domain.accounts.token import TokenCreated, TokenRevoked, TokenUsed
from ticketlog.domain.hook_message import HookHandled, HookReceived
from ticketlog.domain.imports import (
    ImportBegun,
    ImportEnded,
    SecretKept,
    WithdrawalBegun,
    WithdrawalEnded,
)
from ticketlog.domain.parties.agent import (
    AvailabilityChanged,
    ShiftsChanged,
    TicketDeclined,
    TicketReleased,
    TicketReserved,
)
from ticketlog.domain.parties.attention import TicketsSeen, TicketsSnoozed
from ticketlog.domain.parties.contact import AddressAdded, AddressRemoved, AddressVerified
from ticketlog.domain.parties.organisation import (
    OrganisationContractChanged,
    OrganisationDomainsChanged,
    OrganisationLocaleChanged,
    OrganisationRegistered,
    OrganisationRenamed,
    OrganisationTierChanged,
)
from ticketlog.domain.parties.person import (
    PersonLocaleChanged,
    PersonMerged,
    PersonOrganisationChanged,
    PersonRegistered,
    PersonRenamed,
    PersonUnmerged,
)
from ticketlog.domain.policy_checkpoint import EventParked, EventUnparked, PolicyAdvanced
from ticketlog.domain.recorded_refusal import CommandRefused
from ticketlog.domain.settings.automation_rules import (
    AbsenceRuleSet,
    AssignmentRuleSet,
    EscalationRuleSet,
    LifecycleRuleSet,
    NotificationRuleSet,
    RoutingRuleSet,
)
from ticketlog.domain.settings.events import (
    AgentSet,
    CalendarSet,
    CategorySet,
    FieldSet,
    IdentityProviderSet,
    PrioritiesSet,
    ProductSet,
    RoleSet,
    ServiceSet,
    SessionLimitsSet,
    SettingsActivated,
    SlaPolicySet,
    TeamSet,
    WorkflowSet,
)
from ticketlog.domain.settings.webhooks import HookSourceSet, WebhookSet
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated, TeamChanged
from ticketlog.domain.ticket.automation import (
    AgentChosen,
    ChoiceDropped,
    NotificationDecided,
    RequesterReminded,
    RuleFired,
)
from ticketlog.domain.ticket.classification import (
    AttributeChanged,
    CategoryChanged,
    DueChanged,
    ExternalAdded,
    OrganisationChanged,
    RequesterChanged,
    SubjectChanged,
    TagsChanged,
    TypeChanged,
)
from ticketlog.domain.ticket.conversation import (
    AttachmentAdded,
    Described,
    Noted,
    Redacted,
    Replied,
)
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.custom_fields import FieldsChanged
from ticketlog.domain.ticket.feedback import Rated, Reviewed, SurveyOffered
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.lifecycle import MarkedSpam, ResolutionCoded, Restored, Verified
from ticketlog.domain.ticket.priority import ImpactChanged, PriorityChanged, UrgencyChanged
from ticketlog.domain.ticket.relations import (
    CcAdded,
    CcRemoved,
    Followed,
    LegalHoldPlaced,
    LegalHoldReleased,
    Linked,
    Unfollowed,
    Unlinked,
)
from ticketlog.domain.ticket.sla_events import ClocksChanged, SlaApplied, SlaBreached, SlaWarned
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.domain.ticket.work import WorkStarted, WorkStopped
from ticketlog.domain.webhook import (
    ReplayAsked,
    ReplayEnded,
    WebhookDisabled,
    WebhookPaused,
    WebhookResumed,
)

__all__ = [
    "AbsenceRuleSet",
    "AccessExported",
    "AccessRead",
    "AccessRefused",
    "ActivityRecorded",
    "AddressAdded",
    "AddressRemoved",
    "AddressVerified",
    "AgentChosen",
    "AgentSet",
    "AssigneeChanged",
    "AssignmentRuleSet",
    "AttachmentAdded",
    "AttributeChanged",
    "AvailabilityChanged",
    "CalendarSet",
    "Cancelled",
    "CategoryChanged",
    "CategorySet",
    "CcAdded",
    "CcRemoved",
    "ChoiceDropped",
    "ClocksChanged",
    "CommandRefused",
    "Described",
    "DueChanged",
    "Escalated",
    "EscalationRuleSet",
    "EventParked",
    "EventUnparked",
    "ExternalAdded",
    "FieldSet",
    "FieldsChanged",
    "Followed",
    "HookHandled",
    "HookReceived",
    "HookSourceSet",
    "IdentityLinked",
    "IdentityProviderSet",
    "IdentitySignedIn",
    "IdentityUnlinked",
    "ImpactChanged",
    "ImportBegun",
    "ImportEnded",
    "LegalHoldPlaced",
    "LegalHoldReleased",
    "LifecycleRuleSet",
    "Linked",
    "LoginLinkCreated",
    "LoginLinkUsed",
    "MarkedSpam",
    "Noted",
    "NotificationDecided",
    "NotificationRuleSet",
    "OrganisationChanged",
    "OrganisationContractChanged",
    "OrganisationDomainsChanged",
    "OrganisationLocaleChanged",
    "OrganisationRegistered",
    "OrganisationRenamed",
    "OrganisationTierChanged",
    "PasskeyRegistered",
    "PasskeyRemoved",
    "PasskeyUsed",
    "PersonLocaleChanged",
    "PersonMerged",
    "PersonOrganisationChanged",
    "PersonRegistered",
    "PersonRenamed",
    "PersonUnmerged",
    "PolicyAdvanced",
    "PrioritiesSet",
    "PriorityChanged",
    "ProductSet",
    "PutOnHold",
    "Rated",
    "Redacted",
    "Reopened",
    "ReplayAsked",
    "ReplayEnded",
    "Replied",
    "RequesterChanged",
    "RequesterReminded",
    "ResolutionCoded",
    "Restored",
    "ReviewSignedOff",
    "Reviewed",
    "RoleSet",
    "RoutingRuleSet",
    "RuleFired",
    "SecretKept",
    "ServiceSet",
    "SessionBegun",
    "SessionEnded",
    "SessionLimitsSet",
    "SessionSeen",
    "SettingsActivated",
    "ShiftsChanged",
    "SlaApplied",
    "SlaBreached",
    "SlaPolicySet",
    "SlaWarned",
    "Solved",
    "StatusChanged",
    "SubjectChanged",
    "SurveyOffered",
    "TagsChanged",
    "TeamChanged",
    "TeamSet",
    "TicketClosed",
    "TicketCreated",
    "TicketDeclined",
    "TicketReleased",
    "TicketReserved",
    "TicketsSeen",
    "TicketsSnoozed",
    "TimeCorrected",
    "TokenCreated",
    "TokenRevoked",
    "TokenUsed",
    "TypeChanged",
    "Unfollowed",
    "Unlinked",
    "UrgencyChanged",
    "Verified",
    "WebhookDisabled",
    "WebhookPaused",
    "WebhookResumed",
    "WebhookSet",
    "WithdrawalBegun",
    "WithdrawalEnded",
    "Withdrawn",
    "WorkStarted",
    "WorkStopped",
    "WorkflowSet",
]
