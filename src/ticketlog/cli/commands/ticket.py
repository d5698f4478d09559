"""`ticketlog ticket ...`: every command of the ticket, and its reads."""

from __future__ import annotations

from ticketlog.cli.framework import Entry, Form, FormGroup

_T = "4F7K2M9QABCD"
_COMMENT = "019a0000-0000-7000-8000-000000000000.0"

OTHERS = {
    "show": Entry("ticketlog.cli.commands.ticket_reads", "show", "Show a ticket as it is, or was."),
    "history": Entry(
        "ticketlog.cli.commands.ticket_reads",
        "history",
        "Show everything that happened to a ticket.",
    ),
    "list": Entry("ticketlog.cli.commands.lists", "list_", "List tickets by what they are."),
    "attach": Entry("ticketlog.cli.commands.ticket_reads", "attach", "Attach a file."),
    "fetch": Entry(
        "ticketlog.cli.commands.ticket_reads", "fetch", "Write an attachment's bytes to a file."
    ),
}

FORMS = {
    "create": Form(
        "Open a ticket; what you leave out is decided by the settings.",
        (
            'ticketlog ticket create "VPN drops" --type incident --impact high --urgency high',
            'ticketlog ticket create "No toner" --description "3rd floor" --as person:ANNA',
        ),
        positional=("subject",),
        creates=True,
    ),
    "reply": Form(
        "Say something publicly; may set status, team, assignee and fields with it.",
        (
            f'ticketlog ticket reply {_T} "Please try again now" --status pending',
            f"ticketlog ticket reply {_T} - < answer.txt",
        ),
        positional=("body",),
        more="On a closed ticket it opens a follow-up ticket instead. A BODY of - reads standard "
        "input.",
    ),
    "note": Form(
        "Write an internal note, seen by agents only.",
        (
            f'ticketlog ticket note {_T} "@bob: same router as last week?"',
            f'ticketlog ticket note {_T} "Same router as last week" --mentions bob',
        ),
        positional=("body",),
        more="@agent in its text calls that agent, @team everybody in a team: they find it in "
        "their inbox. Names that nobody has are told.",
    ),
    "assign": Form(
        "Give it to a team, an agent, or both.",
        (f"ticketlog ticket assign {_T} --team network --assignee bob",),
        hidden=("method", "rule", "candidates"),
    ),
    "claim": Form(
        "Take it: the acting agent works on it now.",
        (f"ticketlog ticket claim {_T} --as agent:bob",),
    ),
    "unassign": Form(
        "Take it away from its agent; the team keeps it.",
        (f"ticketlog ticket unassign {_T}",),
        hidden=("gone",),
    ),
    "escalate": Form(
        "Raise it to a support tier, with a reason.",
        (f'ticketlog ticket escalate {_T} 1 --reason "Needs a network engineer" --team network',),
        positional=("tier",),
    ),
    "start-work": Form("Start the clock of your work.", (f"ticketlog ticket start-work {_T}",)),
    "stop-work": Form(
        "Stop the clock of your work, or say the seconds yourself.",
        (f"ticketlog ticket stop-work {_T} --seconds 900",),
    ),
    "correct-time": Form(
        "Set its clock back that a wrong time has moved ahead.",
        (f'ticketlog ticket correct-time {_T} --reason "A mail was dated a year ahead"',),
        more="For supervisors. What was stamped ahead of its receipt counts as of its receipt from "
        "then on, and what was due only by the wrong time never was. As of before, all is shown as "
        "it was.",
    ),
    "set-status": Form(
        "Move it to open, pending or a status of your own.",
        (f"ticketlog ticket set-status {_T} pending",),
        positional=("status",),
    ),
    "hold": Form(
        "Put it on hold: it waits for somebody else.",
        (f'ticketlog ticket hold {_T} --reason "Part ordered" --until 2026-02-15T09:00:00Z',),
    ),
    "solve": Form(
        "Solve it; without an assignee, the solver becomes it.",
        (f'ticketlog ticket solve {_T} --code fixed --resolution "Replaced the cable"',),
    ),
    "verify": Form(
        "Confirm that the solution holds.", (f"ticketlog ticket verify {_T} --as person:ANNA",)
    ),
    "reopen": Form(
        "Work on a solved ticket again; on a closed one, open a follow-up.",
        (f'ticketlog ticket reopen {_T} --reason "It is back"',),
    ),
    "close": Form(
        "Close it for good.", (f"ticketlog ticket close {_T} --as agent:ann/supervisor",)
    ),
    "cancel": Form(
        "End it without a solution.",
        (f'ticketlog ticket cancel {_T} --reason "Withdrawn by the requester"',),
    ),
    "mark-spam": Form(
        "Take it out of queues and reports as spam.",
        (f"ticketlog ticket mark-spam {_T}",),
    ),
    "restore": Form("It was no spam after all.", (f"ticketlog ticket restore {_T}",)),
    "classify": Form(
        "Set type, category, product, asset, site or language.",
        (f"ticketlog ticket classify {_T} --type incident --category network/vpn",),
    ),
    "prioritise": Form(
        "Set impact and urgency, or a priority by hand with a reason.",
        (
            f"ticketlog ticket prioritise {_T} --impact high --urgency medium",
            f'ticketlog ticket prioritise {_T} --priority critical --reason "The board waits"',
        ),
    ),
    "tag": Form(
        "Add and remove tags.", (f"ticketlog ticket tag {_T} --add vpn --add berlin --remove new",)
    ),
    "set-fields": Form(
        "Set custom fields; an empty value takes one away.",
        (f"ticketlog ticket set-fields {_T} floor=3 badge=",),
        positional=("fields",),
    ),
    "set-subject": Form(
        "Give it another subject.",
        (f'ticketlog ticket set-subject {_T} "VPN drops on Wi-Fi only"',),
        positional=("subject",),
    ),
    "set-requester": Form(
        "Say who asks.",
        (f"ticketlog ticket set-requester {_T} 7QK2M9ABCD4F",),
        positional=("requester",),
    ),
    "set-organisation": Form(
        "Say whose it is; without one, nobody's.",
        (f"ticketlog ticket set-organisation {_T} --organisation acme",),
    ),
    "set-due": Form(
        "Say by when; without a time, never.",
        (f"ticketlog ticket set-due {_T} --due 2026-02-15T17:00:00+01:00",),
        options={"due_at": "due"},
    ),
    "follow": Form(
        "Follow it: you, or another agent.", (f"ticketlog ticket follow {_T} --agent ann",)
    ),
    "unfollow": Form("Follow it no longer.", (f"ticketlog ticket unfollow {_T}",)),
    "cc": Form(
        "Copy a person in: they get copies and may answer.",
        (f"ticketlog ticket cc {_T} 7QK2M9ABCD4F",),
        positional=("person",),
        command="ticket.add-cc",
    ),
    "uncc": Form(
        "Copy a person in no longer.",
        (f"ticketlog ticket uncc {_T} 7QK2M9ABCD4F",),
        positional=("person",),
        command="ticket.remove-cc",
    ),
    "link": Form(
        "Link it to another ticket: this is KIND of TARGET.",
        (f"ticketlog ticket link {_T} duplicate-of 9ABCD4F7K2MQ",),
        positional=("kind", "target"),
    ),
    "unlink": Form(
        "Take a link away.",
        (f"ticketlog ticket unlink {_T} duplicate-of 9ABCD4F7K2MQ",),
        positional=("kind", "target"),
    ),
    "place-legal-hold": Form(
        "Keep everything of it while a matter lasts.",
        (f'ticketlog ticket place-legal-hold {_T} case-17 --reason "Dispute with a supplier"',),
        positional=("matter",),
    ),
    "release-legal-hold": Form(
        "Release it from a matter.",
        (f'ticketlog ticket release-legal-hold {_T} case-17 --reason "Settled"',),
        positional=("matter",),
    ),
    "redact": Form(
        "Hide a comment, an attachment or the description from every reader.",
        (f'ticketlog ticket redact {_T} {_COMMENT} --reason "Holds a password"',),
        positional=("target",),
    ),
    "reapply-sla": Form(
        "Apply the SLA policies and calendars in force, not those promised before.",
        (f'ticketlog ticket reapply-sla {_T} --reason "New contract" --as agent:ann/supervisor',),
    ),
    "record-due": Form(
        "Record the breaches and warnings that were due by now.",
        (f"ticketlog ticket record-due {_T} --as service:timer",),
        more="Timers do; every other command does it first, too.",
    ),
    "offer-survey": Form(
        "Ask the requester how satisfied they are.", (f"ticketlog ticket offer-survey {_T}",)
    ),
    "rate": Form(
        "Answer the survey: 1 (bad) to 5 (good).",
        (f'ticketlog ticket rate {_T} 5 --comment "Quick and kind" --as person:ANNA',),
        positional=("score",),
    ),
    "review": Form(
        "Judge the handling of a closed ticket.",
        (f'ticketlog ticket review {_T} good --text "By the book"',),
        positional=("verdict",),
    ),
}

ticket = FormGroup(
    "ticket", forms=FORMS, others=OTHERS, help="Create, show and work tickets; one command each."
)
