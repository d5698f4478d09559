"""Commands of every kind, by everybody, in words that the desk knows and some that it doesn't."""

from __future__ import annotations

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from tests.given import ADA, ANN, BOB, DAY, IMPORT, KIM, LEE, MAIL, NOON, RULE, SUE
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.ticket.automation import Step
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import Rate
from ticketlog.domain.ticket.imported import FileKept, RecordActivity
from ticketlog.domain.ticket.lifecycle import Cancel, Close, MarkSpam, Reopen, Verify
from ticketlog.domain.ticket.relations import PlaceLegalHold, ReleaseLegalHold

STATUSES = ("open", "pending", "on-hold", "waiting-for-parts", "solved", "closed", "cancelled")
WORDS: dict[str, tuple[Any, ...]] = {
    "status": STATUSES,
    "team": ("network", "billing"),
    "assignee": ("ann", "bob", "sue"),
    "agent": ("ann", "bob"),
    "mentions": ((), ("ann", "sue")),
    "requester": ("KIM", "LEE", "OLD", "GUS"),
    "person": ("KIM", "LEE", "OLD"),
    "ccs": (("LEE",), ("LEE", "OLD", "LEE")),
    "author": ("KIM", "LEE", "bob", "OLD"),
    "organisation": ("ACME", "GOLD"),
    "category": ("network", "network/vpn"),
    "product": ("router",),
    "impact": ("high", "low"),
    "urgency": ("high", "low"),
    "priority": ("critical", "low"),
    "target": ("OTHER", "c0.0", "c1.0", "c2.0"),
    "kind": ("blocks", "duplicate-of"),
    "follow_up_of": ("OTHER", "DONE"),
    "comment": ("c0.0", "c1.0", "thanks"),
    "message_id": ("<1@kim>", "<2@kim>"),
    "matter": ("M1",),
    "sha256": ("a" * 64, "b" * 64),
    "add": (("a",), ("b", "a")),
    "remove": (("a",), ("c",)),
    "tags": (("a", "b", "a"),),
    "external": (("JIRA-1",),),
    "candidates": ((),),
    "to": (("agent/ann",),),
    "occasions": (("replied", "solved"),),
    "choice": ("c1.0", "c2.0", "c3.0"),
    "steps": (
        (Step(rule="r@1", team="billing", priority="low"), Step(rule="s@1", assignee="sue")),
        (Step(rule="t@1", category="network/vpn", add_tags=("a",), remove_tags=("b",)),),
    ),
    "cleared": (("assignee",), ("team", "category"), ("due", "resolution_code")),
    "links": ((),),
    "linked": ((("blocks", "ticket/OTHER"),), (("duplicate-of", "ticket/OTHER"),)),
    "attachments": ((),),
    "files": ((FileKept(name="a", media_type="text/plain", size=1, sha256="a" * 64),),),
    "due": (NOON, NOON + DAY),
    "due_at": (NOON, NOON + DAY),
    "until": (NOON, NOON + DAY),
    "system": ({"browser": "lynx"},),
    "fields": (
        {"cause": "toner", "floor": 3},
        {"remote": True, "since": "2026-01-31", "birthday": "1970-01-01"},
        {"cause": None, "birthday": None, "rooms": ("lab", "attic")},
        {"system": "linux", "seen-at": "2026-01-31T10:00:00+01:00"},
    ),
}
OF_ROWS: dict[str, tuple[Any, ...]] = {"external": ("JIRA-1",)}
"""Where a row has one of what others have many of."""
NONSENSE: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("team", "assignee", "agent", "author", "category"), ("?", "rob")),
    **dict.fromkeys(("product", "impact", "urgency", "priority", "organisation"), ("?",)),
    **dict.fromkeys(("requester", "person"), ("NOBODY", "?")),
    "status": ("new", "analysis", "?"),
    "ccs": (("NOBODY",),),
    "mentions": (("?",),),
    "target": ("THIS", "NONE", "person/KIM", "c9.9"),
    "follow_up_of": ("NONE",),
    "fields": ({"floor": 99}, {"since": 5}, {"rooms": ("roof",)}, {"?": 1}),
}
ACTORS = (ANN, BOB, SUE, ADA, KIM, LEE, RULE, MAIL, IMPORT, Actor("temp", "agent"))
USUAL: dict[type[Command], Actor] = {
    **dict.fromkeys((CreateTicket, Reopen, Verify, Rate), KIM),
    **dict.fromkeys((Close, PlaceLegalHold, ReleaseLegalHold), SUE),
    RecordActivity: IMPORT,
}
ENDS = (Cancel, Close, MarkSpam)
"""What little is done after: it comes seldom."""


def _values(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    if name in WORDS:
        words = WORDS[name]
        return st.sampled_from(words * 10 + NONSENSE.get(name, ()))
    for kind in (annotation, *get_args(annotation)):
        if get_origin(kind) is Literal:
            return st.sampled_from(get_args(kind))
        if kind is bool:
            return st.booleans()
        if kind is int or (kind is not NoneType and get_args(kind)[:1] == (int,)):
            return st.integers(1, 5)
    return st.sampled_from(["x", "Ünï ☃"])


@st.composite
def commands_of(draw: st.DrawFn, kind: type[Command]) -> Command:
    """A command with what it needs and at most two things more."""
    fields = kind.model_fields
    optional = [name for name, info in fields.items() if not info.is_required()]
    more = draw(st.lists(st.sampled_from(optional), max_size=2)) if optional else []
    names = [name for name, info in fields.items() if info.is_required() or name in more]
    given = {name: draw(_values(name, fields[name].annotation)) for name in names}
    if kind is RecordActivity:
        given |= {name: draw(st.sampled_from(OF_ROWS[name])) for name in names if name in OF_ROWS}
    return kind.model_validate(given)


@st.composite
def _steps(draw: st.DrawFn) -> tuple[Command, Actor, int]:
    kind = draw(KINDS)
    usual = USUAL.get(kind, ANN)
    by = draw(st.sampled_from((usual,) * len(ACTORS) * 3 + ACTORS))
    return draw(commands_of(kind)), by, draw(st.integers(0, DAY))


KINDS = st.sampled_from(
    [kind for kind in ticket.COMMANDS for _ in range(1 + 4 * (kind not in ENDS))]
)
COMMANDS = KINDS.flatmap(commands_of)
STEPS = _steps()
"""What is sent, by whom, and how many microseconds after what came before."""
ASKS = CreateTicket(subject="Printer on fire", description="Smoke everywhere", requester="KIM")
