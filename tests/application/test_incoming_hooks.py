"""given a source in the settings, when a message comes, then it is checked, kept and made into
commands, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as Peer

from tests.helpdesk import SUE
from ticketlog import queries
from ticketlog.application.hook_signatures import Signer, public_text
from ticketlog.application.incoming_hooks import LARGEST_MESSAGE, NotGenuine
from ticketlog.desk import Desk
from ticketlog.domain.base import Invalid, NotFound
from ticketlog.errors import CommandReused, Unreachable, Usage

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PRIVATE = "whsk_" + base64.b64encode(b"p" * 32).decode()
STANDARD = 'check = "standard"'
GITHUB = """check = "hmac"
signature_header = "X-Hub-Signature-256"
signature_prefix = "sha256="
id_header = "X-GitHub-Delivery"
"""
SLACK = """check = "hmac"
signature_header = "X-Slack-Signature"
signature_prefix = "v0="
timestamp_header = "X-Slack-Request-Timestamp"
signed = "v0:{timestamp}:{body}"
id_field = "event_id"
"""
TOKEN = 'check = "token"\nsignature_header = "Authorization"\nsignature_prefix = "Bearer "\n'
COMMANDS = """
[[hook_sources.outside.commands]]
command = "ticket.create"
when.all = [{ field = "status", is = "firing" }]
thread = "{fingerprint}"
fields = { subject = "{labels.name} on {labels.host}", tags = ["alert", "{severity}"] }

[[hook_sources.outside.commands]]
command = "ticket.note"
when.all = [{ field = "status", is = "resolved" }]
thread = "{fingerprint}"
fields = { body = "It is over: {count}." }
"""
FIRING = {
    "status": "firing",
    "fingerprint": "f1",
    "labels": {"name": "DiskFull", "host": "db1"},
    "severity": 3,
}
RESOLVED = {**FIRING, "status": "resolved", "count": 2}


def source(desk: Desk, check: str = STANDARD, secret: str = SECRET) -> None:
    (desk.folder / "outside").write_text(secret)
    text = '[hook_sources.outside]\nsecrets = "file:outside"\nsends_as = "service:mail"\n'
    desk.settings_apply(text + check + COMMANDS, actor=SUE)


def seconds() -> int:
    return int(datetime.now(UTC).timestamp())


def signed(body: bytes, id: str = "m1", at: int | None = None) -> dict[str, str]:
    """The headers of a message as the library of Standard Webhooks signs it."""
    at = seconds() if at is None else at
    signature = Peer(SECRET).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": signature,
    }


def said(content: object) -> bytes:
    return orjson.dumps(content)


def sent(desk: Desk, content: Any, id: str = "m1") -> Any:
    body = said(content)
    return desk.hook_inbox.receive("outside", signed(body, id), body)


def test_a_message_becomes_a_ticket_and_the_next_one_a_note_on_it(desk: Desk) -> None:
    source(desk)
    made = sent(desk, FIRING)
    assert made.outcome == "done", made.results
    (result,) = made.results
    ticket = desk.load(result.stream)
    assert (ticket.subject, ticket.tags) == ("DiskFull on db1", ("alert", "3"))
    over = sent(desk, RESOLVED, "m2")
    assert [each.stream for each in over.results] == [result.stream]
    assert desk.history(result.stream)[-1].event.body == "It is over: 2."  # type: ignore[attr-defined]


def test_a_message_that_comes_twice_is_done_once(desk: Desk) -> None:
    source(desk)
    first, again = sent(desk, FIRING), sent(desk, FIRING)
    assert again.repeated
    assert not first.repeated
    assert again.results == first.results
    assert len(desk.history(first.results[0].stream)) == 1


def test_the_same_id_with_another_body_is_refused(desk: Desk) -> None:
    source(desk)
    sent(desk, FIRING)
    with pytest.raises(CommandReused):
        sent(desk, RESOLVED)


def test_what_maps_to_nothing_is_kept_shown_and_can_be_made_something_of(desk: Desk) -> None:
    source(desk)
    kept = sent(desk, {**FIRING, "status": "other"})
    assert kept.outcome == "unmatched"
    assert desk.hook_inbox.body(kept.message) == said({**FIRING, "status": "other"})
    (row,) = desk.query(queries.HookMessages(outcome="unmatched"))
    assert row["message"] == kept.message
    (desk.folder / "more.toml").write_text("")
    text = '[hook_sources.outside]\nsecrets = "file:outside"\nsends_as = "service:mail"\n'
    desk.settings_apply(text + STANDARD + COMMANDS.replace("firing", "other"), actor=SUE)
    assert desk.hook_inbox.handle_again(kept.message).outcome == "done"
    assert desk.query(queries.HookMessages(outcome="unmatched")) == []


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1, 2]", b'"x"', b"\xff\xfe", b"[" * 5_000])
def test_any_body_that_is_genuine_is_kept(desk: Desk, body: bytes) -> None:
    source(desk, TOKEN, "tell-nobody")
    kept = desk.hook_inbox.receive("outside", {"Authorization": "Bearer tell-nobody"}, body)
    assert kept.outcome == "unmatched"
    assert desk.hook_inbox.body(kept.message) == body


def test_a_message_that_does_not_fill_its_command_says_so(desk: Desk) -> None:
    source(desk)
    kept = sent(desk, {"status": "resolved"})
    assert kept.outcome == "refused"
    assert [each.outcome for each in kept.results] == ["unfit"]
    later = sent(desk, {**RESOLVED, "fingerprint": "never seen"}, "m2")
    assert [each.outcome for each in later.results] == ["refused"]


def test_long_and_broken_lines_are_made_to_fit(desk: Desk) -> None:
    source(desk)
    labels = {"name": "a\nb" + "x" * 600, "host": "h"}
    (result,) = sent(desk, {**FIRING, "labels": labels}).results
    subject = desk.load(result.stream).subject
    assert subject.startswith("a b")
    assert len(subject) <= 500


def test_github_s_way(desk: Desk) -> None:
    source(desk, GITHUB, "It's a Secret to Everybody")
    body = b"Hello, World!"
    # The vector of GitHub's documentation.
    given = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"X-Hub-Signature-256": f"sha256={given}", "X-GitHub-Delivery": "d1"}
    assert desk.hook_inbox.receive("outside", headers, body).id == "d1"
    with pytest.raises(NotGenuine):
        desk.hook_inbox.receive("outside", headers, b"Hello, world!")


def test_slack_s_way(desk: Desk) -> None:
    source(desk, SLACK, "slack")
    body, at = said({"event_id": "e1"}), str(seconds())
    mac = hmac.new(b"slack", b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Signature": f"v0={mac}", "X-Slack-Request-Timestamp": at}
    assert desk.hook_inbox.receive("outside", headers, body).id == "e1"
    old = {**headers, "X-Slack-Request-Timestamp": str(seconds() - 301)}
    with pytest.raises(NotGenuine):
        desk.hook_inbox.receive("outside", old, body)


def test_a_message_signed_by_ed25519(desk: Desk) -> None:
    source(desk, STANDARD, public_text(PRIVATE))
    body, at = said(FIRING), seconds()
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(at),
        "webhook-signature": Signer("v1a", [PRIVATE]).signature("m1", at, body),
    }
    assert desk.hook_inbox.receive("outside", headers, body).outcome == "done"
    key = Ed25519PrivateKey.from_private_bytes(b"q" * 32)
    wrong = base64.b64encode(key.sign(f"m2.{at}.".encode() + body)).decode()
    forged = {**headers, "webhook-id": "m2", "webhook-signature": f"v1a,{wrong}"}
    with pytest.raises(NotGenuine):
        desk.hook_inbox.receive("outside", forged, body)


@pytest.mark.parametrize("late", [-301, 301])
def test_a_message_of_another_time_is_refused(desk: Desk, late: int) -> None:
    source(desk)
    body = said(FIRING)
    with pytest.raises(NotGenuine, match="5 minutes"):
        desk.hook_inbox.receive("outside", signed(body, at=seconds() + late), body)


MALFORMED = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["v1", "v1,", "v1,%%%", "v1,é", "v1a,AAAA", ",", " ", "v1,QQ== v1", "v1,,"]),
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(signature=MALFORMED, at=MALFORMED, id=MALFORMED)
def test_malformed_headers_are_refused_and_nothing_else(
    desk: Desk, signature: str, at: str, id: str
) -> None:
    if "outside" not in desk.settings.hook_sources:
        source(desk)
    for timestamp in (at, str(seconds())):
        headers = {
            "webhook-id": id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature,
        }
        with pytest.raises(NotGenuine):
            desk.hook_inbox.receive("outside", headers, b"{}")


def test_who_sends_is_told_what_is_wrong_and_no_secret(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.hook_inbox.receive("nowhere", {}, b"{}")
    source(desk)
    (desk.folder / "outside").unlink()
    body = said(FIRING)
    with pytest.raises(Unreachable, match="whoever runs the desk"):
        desk.hook_inbox.receive("outside", signed(body), body)
    (desk.folder / "outside").write_text(SECRET)
    with pytest.raises(Usage, match="at most"):
        desk.hook_inbox.receive("outside", {}, b"x" * (LARGEST_MESSAGE + 1))
    with pytest.raises(Invalid):
        desk.hook_inbox.receive("outside", signed(body, "x" * 201), body)


def test_forged_messages_are_recorded_and_a_flood_of_them_once(desk: Desk) -> None:
    source(desk)
    for _ in range(20):
        with pytest.raises(NotGenuine):
            desk.hook_inbox.receive("outside", {}, b"{}")
    found = desk.access_log.entries(about="person/nobody").entries
    assert [each.event.NAME for each in found] == ["access.refused.v1"]
    assert "outside" in str(found[0].event)


ANYWHERE = """
[[hook_sources.outside.commands]]
command = "ticket.create"
fields = { subject = "{a}", description = "{b}", tags = "{c}" }

[[hook_sources.outside.commands]]
command = "ticket.note"
on = "{a}"
when.any = [{ field = "b", present = true }, { field = "c", greater = 3 }]
fields = { body = "{b} {c}" }

[[hook_sources.outside.commands]]
command = "ticket.tag"
thread = "{b}"
fields = { add = "{c}" }
"""
_PARTS = st.one_of(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False),
    st.text(max_size=20) | st.text(alphabet="\x00\x07\x1b\x7f\x85\u2028/a", max_size=20),
    st.lists(st.text(max_size=3) | st.integers(0, 9), max_size=3),
    st.dictionaries(st.text(max_size=2), st.none() | st.text(max_size=2), max_size=2),
)
_DEEP = st.builds(
    lambda pair, levels: (pair[0] * levels + "1" + pair[1] * levels).encode(),
    st.sampled_from([("[", "]"), ('{"a":', "}")]),
    st.sampled_from([60, 300, 500, 990, 1_000, 1_020]),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(_PARTS.map(said) | _DEEP, min_size=3, max_size=3))
def test_whatever_a_genuine_message_holds_it_is_kept_and_answered(
    desk: Desk, parts: list[bytes]
) -> None:
    if "outside" not in desk.settings.hook_sources:
        (desk.folder / "outside").write_text("tell-nobody")
        text = '[hook_sources.outside]\nsecrets = "file:outside"\nsends_as = "service:mail"\n'
        desk.settings_apply(text + TOKEN + ANYWHERE, actor=SUE)
    body = b'{"a":%b,"b":%b,"c":%b}' % tuple(parts)
    kept = desk.hook_inbox.receive("outside", {"Authorization": "Bearer tell-nobody"}, body)
    assert desk.hook_inbox.body(kept.message) == body
    assert kept.outcome in ("done", "refused", "unmatched")
