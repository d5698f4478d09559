"""Examples of commands' bodies, which a test sends. A command that isn't named here has the
smallest body that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ticketlog.domain.base import Command

_TICKET, _PERSON, _ORGANISATION = "4F7K2M9QABCD", "7QK2M9ABCD4F", "ABCD4F7QK2M9"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TOMORROW = "2027-02-01T09:00:00+01:00"
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "ticket.create": {
        "subject": "VPN drops every hour",
        "description": "Since the update it drops about once an hour.",
        "type": "incident",
        "requester": _PERSON,
        "team": "network",
        "tags": ["vpn"],
    },
    "ticket.reply": {"body": "Please try the new profile.", "status": "pending"},
    "ticket.note": {"body": "The same as last week; @network knows."},
    "ticket.redact": {
        "target": "019a0000-0000-7000-8000-000000000000.0",
        "reason": "It held a password.",
    },
    "ticket.assign": {"team": "network", "assignee": "ann"},
    "ticket.unassign": {},
    "ticket.escalate": {"tier": 2, "reason": "It needs the vendor."},
    "ticket.stop-work": {"seconds": 900},
    "ticket.set-status": {"status": "pending"},
    "ticket.hold": {"reason": "A part was ordered.", "until": _TOMORROW},
    "ticket.solve": {"resolution": "A new profile helped."},
    "ticket.reopen": {"reason": "It dropped again."},
    "ticket.cancel": {"reason": "Sent twice."},
    "ticket.mark-spam": {"reason": "An advertisement."},
    "ticket.restore": {"reason": "It was no spam."},
    "ticket.classify": {"type": "incident", "product": "vpn"},
    "ticket.tag": {"add": ["vpn"]},
    "ticket.set-subject": {"subject": "VPN drops every hour"},
    "ticket.set-requester": {"requester": _PERSON},
    "ticket.set-organisation": {"organisation": _ORGANISATION},
    "ticket.set-due": {"due_at": _TOMORROW},
    "ticket.prioritise": {"priority": "high", "reason": "The whole site is offline."},
    "ticket.set-fields": {"fields": {"floor": 3}},
    "ticket.follow": {"agent": "ann"},
    "ticket.unfollow": {"agent": "ann"},
    "ticket.add-cc": {"person": _PERSON},
    "ticket.remove-cc": {"person": _PERSON},
    "ticket.link": {"kind": "problem", "target": _TICKET},
    "ticket.unlink": {"kind": "problem", "target": _TICKET},
    "ticket.place-legal-hold": {"matter": "2027-14", "reason": "A lawsuit."},
    "ticket.release-legal-hold": {"matter": "2027-14", "reason": "The lawsuit is over."},
    "ticket.correct-time": {"reason": "The mail's clock was wrong."},
    "ticket.rate": {"score": 5, "comment": "Quick."},
    "ticket.review": {"verdict": "good", "text": "Polite and complete."},
    "ticket.record-activity": {
        "source": "old-desk",
        "case": "4711",
        "row": 1,
        "activity": "opened",
        "subject": "VPN drops",
    },
    "ticket.route": {"steps": [{"rule": "vpn@1", "team": "network"}]},
    "ticket.withdraw": {
        "source": "old-desk",
        "withdrawal": "019a0000-0000-7000-8000-000000000000",
        "reason": "The wrong file.",
    },
    "person.register": {
        "name": "Kim Lee",
        "addresses": [{"kind": "email", "value": "kim@example.com"}],
        "language": "en",
    },
    "person.rename": {"name": "Kim Lee-Park"},
    "person.add-address": {"kind": "email", "value": "kim.lee@example.com", "verified": True},
    "person.remove-address": {"kind": "email", "value": "kim.lee@example.com"},
    "person.verify-address": {"kind": "email", "value": "kim.lee@example.com"},
    "person.set-organisation": {"organisation": _ORGANISATION},
    "person.set-locale": {"language": "de", "country": "DE", "zone": "Europe/Berlin"},
    "person.merge": {"into": _PERSON},
    "organisation.register": {"name": "Example Ltd", "domains": ["example.com"]},
    "organisation.rename": {"name": "Example plc"},
    "organisation.set-tier": {"tier": None},
    "organisation.set-contract": {"contract": "C-17"},
    "organisation.set-locale": {"language": "en", "zone": "Europe/London"},
    "organisation.set-domains": {"domains": ["example.com"]},
    "agent.set-availability": {"availability": "away", "reason": "Lunch."},
    "agent.set-shifts": {
        "shifts": [{"day": "mon", "start": "09:00", "end": "17:00"}],
        "zone": "Europe/Berlin",
    },
    "agent.mark-seen": {"tickets": {_TICKET: 3}},
    "agent.snooze": {"tickets": [_TICKET], "until": _TOMORROW},
    "import.begin": {"file": "tickets.csv", "size": 4, "sha256": _HASH, "mapping": _HASH},
    "import.end": {
        "batch": "019a0000-0000-7000-8000-000000000000",
        "rows": 1,
        "commits": 1,
        "known": 0,
        "lost": 0,
        "tickets": 1,
        "tickets_new": 1,
    },
    "import.begin-withdrawal": {"reason": "The wrong file."},
    "import.end-withdrawal": {
        "withdrawal": "019a0000-0000-7000-8000-000000000000",
        "tickets": 1,
        "kept": 0,
    },
    "webhook.replay": {"starts": [1], "ends": [40]},
    "webhook.cancel-replay": {"replay": "2"},
    "webhook.disable": {"why": "gone"},
    "webhook.end-replay": {"replay": "2"},
    "import.keep-secret": {"secret": _HASH},
}
"""A command's name -> its body."""


def example_of(model: type[Command]) -> dict[str, Any]:
    """The example of a command."""
    if model.NAME in EXAMPLES:
        return dict(EXAMPLES[model.NAME])
    return {
        name: None if type(None) in get_args(field.annotation) else "..."
        for name, field in model.model_fields.items()
        if field.is_required()
    }
