"""The declared table of access: every query, report, route and field of a document has an entry;
one without is denied, and a test fails.

Commands have their entries in `CommandSpec.who_may` (`domain.aggregates.RIGHTS`), acts in
`domain.rights.ACTS`, roles in `domain.roles.BUILT_IN`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ticketlog.domain.settings.role import FieldClass


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUERIES: frozenset[str] = _names(
    """
    hook-messages links-to changes changes-since chosen-stream ratings used-tags
    address-owners agent-load clocks-ahead clocks-at-risk corrected-since followed-tickets
    inbox link-circles merged-persons numbered-tickets person persons queue queue-counts
    search shared-addresses snoozed-tickets survivor ticket ticket-breaches ticket-clocks
    ticket-counts ticket-intervals ticket-links tickets unassigned-tickets unseen-tickets
    accounts
    history attachment events settings status access-review access-explain organisation agent stream
    """
)
"""The questions that an actor can ask, as rights name them ('query:NAME'): those of the views, and
the reads of single streams, of events as they come, and of the desk itself."""
REPORTS: frozenset[str] = _names(
    """
    attainment breaches endings flow gaming gaming-cases held-by-absent quality rules
    satisfaction times utilisation
    """
)


def _zendesk(right: str, paths: str) -> dict[str, str]:
    return {f"GET /api/v2/{path}": right for path in paths.split()}


ROUTES: Mapping[str, str] = {
    **_zendesk(
        "query:changes",
        """
        incremental/organizations incremental/ticket_events incremental/ticket_metric_events
        incremental/tickets incremental/tickets/cursor incremental/users
        incremental/users/cursor ticket_audits
        """,
    ),
    **_zendesk(
        "query:search",
        """
        search search/count
        """,
    ),
    **_zendesk(
        "query:tickets",
        """
        brands channels/voice/phone_numbers custom_statuses group_memberships groups
        groups/assignable groups/{id} groups/{id}/memberships macros organization_fields
        satisfaction_ratings slas/policies suspended_tickets tags ticket_fields
        ticket_fields/{id} ticket_forms ticket_metrics tickets tickets/recent
        tickets/show_many tickets/{id} tickets/{id}/audits tickets/{id}/comments
        tickets/{id}/incidents tickets/{id}/metrics tickets/{id}/tags user_fields
        """,
    ),
    **_zendesk(
        "query:persons",
        """
        organizations organizations/show_many organizations/{id} organizations/{id}/tickets
        users users/me users/show_many users/{id} users/{id}/group_memberships
        users/{id}/tickets/assigned users/{id}/tickets/requested
        """,
    ),
    "GET /live": "anybody",
    "GET /ready": "anybody",
    "GET /metrics": "anybody",
    "GET /login": "anybody",
    "GET /login/signing-in.js": "anybody",
    "GET /login/signing-in.css": "anybody",
    "GET /login/link": "anybody",
    "POST /login/link": "anybody",
    "GET /login/oidc/{provider}": "anybody",
    "GET /login/oidc/{provider}/callback": "anybody",
    "POST /login/passkey/options": "anybody",
    "POST /login/passkey/verify": "anybody",
    "POST /logout": "anybody",
    "GET /api/v1/tokens": "query:accounts",
    "POST /api/v1/tokens": "token.create",
    "DELETE /api/v1/tokens/{id}": "token.revoke",
    "GET /api/v1/sessions": "query:accounts",
    "DELETE /api/v1/sessions": "session.end",
    "DELETE /api/v1/sessions/{id}": "session.end",
    "GET /api/v1/passkeys": "query:accounts",
    "POST /api/v1/passkeys": "passkey.register",
    "POST /api/v1/passkeys/options": "passkey.register",
    "DELETE /api/v1/passkeys/{id}": "passkey.remove",
    "POST /api/v1/hooks/{source}": "anybody",
    "GET /api/v1/tickets/{id}": "query:ticket",
    "GET /api/v1/tickets/{id}/history": "query:history",
    "GET /api/v1/tickets/{id}/sla": "query:ticket-clocks",
    "GET /api/v1/tickets/{id}/explanation": "query:history",
    "POST /api/v1/tickets/{id}/attachments": "ticket.attach",
    "GET /api/v1/tickets/{id}/attachments/{attachment}": "query:attachment",
    "GET /api/v1/persons/{id}": "query:person",
    "GET /api/v1/persons/{id}/history": "query:history",
    "GET /api/v1/organisations/{id}": "query:organisation",
    "GET /api/v1/organisations/{id}/history": "query:history",
    "GET /api/v1/agents/{id}": "query:agent",
    "GET /api/v1/agents/{id}/history": "query:history",
    "GET /api/v1/agents/{id}/inbox": "query:inbox",
    "GET /api/v1/imports/{id}/history": "query:history",
    "GET /api/v1/webhooks/{id}/history": "query:history",
    "POST /api/v1/bulk": "command",
    "GET /api/v1/settings": "query:settings",
    "GET /api/v1/settings/history": "query:settings",
    "POST /api/v1/settings/apply": "settings.apply",
    "POST /api/v1/settings/check": "settings.apply",
    "GET /api/v1/status": "query:status",
    "GET /api/v1/log": "query:status",
    "GET /api/v1/events": "query:events",
    "GET /api/v1/webhooks": "query:settings",
    "GET /api/v1/webhooks/{webhook}": "query:settings",
    "GET /api/v1/webhooks/{webhook}/deliveries": "query:settings",
    "POST /api/v1/webhooks/{webhook}/replay": "webhook.replay",
    "POST /api/v1/webhooks/{webhook}/test": "webhook.replay",
    "GET /api/v1/hook-messages": "query:hook-messages",
}
"""'METHOD /path' -> the right that it takes: 'query:NAME', 'report:NAME', a command, an act;
'command' where the body names it, 'known' for what actors have of their own, 'anybody' where
nobody has to be signed in. Routes made of the lists of commands and queries have those rights."""


def _classed(names: str, of: FieldClass) -> dict[str, FieldClass]:
    return dict.fromkeys(names.split(), of)


FIELDS: Mapping[str, FieldClass] = {
    **_classed(
        """
        detail title expires_at go_to tokens sessions passkeys identities token session passkey
        identity label scope owner used_at revoked_at secret method device begun_at seen_at current
        backed_up registered_at removed_at provider issuer linked_at signed_in_at
        asset at attachments author author_kind automated body cancelled category ccs channel
        clock closed_at code comments country created_at day description end event events
        external fields first_reply_at follow_up_of found hold_until id kind language linked_by
        links media_type merged merged_into message next number occurred_at offset organisation
        organisations partition person persons priority product public rating reopens repeated
        requester resolution_code says site size snippet solved_at start status status_category
        stream subject survivor target ticket tickets type unknown updated_at verified_by
        version waiting_since zone
        """,
        "public",
    ),
    **_classed(
        """
        problem replay starts webhook types
        conditions scheme secrets reads_as given_up replays
        webhooks attempt took_seconds answer deliveries command said received_at results
        grants right may sees roles like commands queries reports queues hides writes teams
        members services auditors readers writers actors restricted comment
        access changed_at entries errors facts http more shell tag
        calendars categories hook_sources identity_providers priorities products sla_policies
        workflows
        absence absent_since action activated_at active actor add_tags admins agent agents ahead
        answered answered_at answered_seconds asked asked_at assignee assignment attainment
        availability away_seconds backlog batch batches because behind breached breached_at
        breaches broke build business business_seconds business_used_median_seconds
        business_used_n business_used_p90_seconds business_used_seconds by by_holder by_status
        calendar came_of_it candidates case change changed changes chosen circles clocks closed
        column commits commits_per_second contract corrected counts created created_by damage
        data desk differing domains done due due_at duplicates empty ended ended_at ends
        engaged_seconds equal error escalation expected extra failed failures field file fired
        first first_contact first_contact_of first_contact_rate first_contact_undecided
        first_reply_time_median_seconds first_reply_time_n first_reply_time_p90_seconds folder
        followers from_at from_offset gave_back goes group held held_back hold_reason hops_median
        hops_n
        hops_p90 impact in_use instance intervals involved keeps kept key keyring known lag
        last_recorded_at left_out left_seconds legal_holds lifecycle likely line listed live
        load log lost mapping matches met metric missing moved moved_in moved_out near_seconds
        new new_due new_left_seconds new_target_seconds notifications occupancy occurred_as_of
        of offered ok old oldest on on_hold on_shift_seconds online_seconds open open_seconds
        operator original_status original_substatus outcome parameters parked partitions pattern
        pending people period phase policies policy policy_version position priority_source
        problems rate ratings reachable reached ready reason reasons recomputed records refusals
        refused released_at remapped remove_tags reopened reopened_seconds replied_seconds
        report reserved_at resolution_time_median_seconds resolution_time_n
        resolution_time_p90_seconds restored room routing rows rows_per_second rule rules same
        satisfied score seconds seconds_since_pass seconds_spent sent share share_percent
        shared_addresses shifts since skew_seconds skewed snoozed solved solves sources spam
        spans started state stayed story strands streams table tables tags target_seconds
        targets team thresholds tickets_new tier tier_level to_at to_offset topic total touches
        touches_median touches_n touches_p90 tried troubles unassigned undone_at undone_by until
        until_due_seconds urgency url used used_median_seconds used_n used_p90_seconds used_seconds
        business_used calendar_version left until_due
        utilisation values versions view views void waiting waiting_seconds waits warnings where
        why why_not window_seconds withdrawal withdrawals withdrawn words worked_seconds worker
        workers working
        """,
        "internal",
    ),
    **_classed("addresses name owners value verified", "personal"),
    **_classed(
        """
        authenticated cause claimed_at correlation cut expected_sha256 index on_behalf_of
        positions recorded_at recorded_by role settings sha256 source
        """,
        "audit",
    ),
    # Fields that mean something else in one document than their name does elsewhere.
    "TicketRow.comments": "internal",
    "LinkedTicket.comments": "internal",
    "Attachment.name": "public",
    "Attachment.sha256": "internal",
    "Comment.id": "public",
}
"""The class of every field of every document, by its name, or by 'Document.name' where it is
another one there. A field without an entry is shown to nobody from whom any class is hidden."""

PUBLIC_EVENTS: Mapping[str, frozenset[str]] = {
    name: frozenset(fields.split())
    for name, fields in {
        "ticket.created.v1": "subject description description_public author_kind type requester "
        "organisation category product asset site language external priority status "
        "status_category fields personal_fields ccs follow_up_of channel data_subject",
        "ticket.status-changed.v1": "old new old_category new_category",
        "ticket.put-on-hold.v1": "old new old_category new_category until",
        "ticket.solved.v1": "old new old_category new_category code resolution data_subject",
        "ticket.reopened.v1": "old new old_category new_category reason",
        "ticket.closed.v1": "old new old_category new_category",
        "ticket.cancelled.v1": "old new old_category new_category reason",
        "ticket.resolution-coded.v1": "old new",
        "ticket.verified.v1": "by",
        "ticket.replied.v1": "author author_kind body direction automated message_id in_reply_to "
        "data_subject",
        "ticket.described.v1": "description description_public author author_kind data_subject",
        "ticket.attachment-added.v1": "name media_type size comment data_subject sha256",
        "ticket.redacted.v1": "target kind",
        "ticket.type-changed.v1": "old new",
        "ticket.category-changed.v1": "old new",
        "ticket.subject-changed.v1": "old new data_subject",
        "ticket.requester-changed.v1": "old new",
        "ticket.external-added.v1": "external",
        "ticket.organisation-changed.v1": "old new",
        "ticket.priority-changed.v1": "old new",
        "ticket.fields-changed.v1": "old new personal_old personal_new data_subject",
        "ticket.cc-added.v1": "person",
        "ticket.cc-removed.v1": "person",
        "ticket.linked.v1": "kind target",
        "ticket.unlinked.v1": "kind target",
        "ticket.survey-offered.v1": "survey",
        "ticket.rated.v1": "score old comment data_subject",
    }.items()
}
"""The events of a ticket that end users may see, and the fields of each that they read; they read
all of those about themselves as persons. Every further event is for those who work on tickets."""
