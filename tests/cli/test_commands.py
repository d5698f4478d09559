"""A desk worked from the shell: what is written, what is read, now and at any moment."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.said import Run
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.cli.output import clean


def history(done: Run, ticket: str) -> list[str]:
    events = done("ticket", "history", ticket, "--json").document["events"]
    return [event["type"] for event in events]


class TestWriting:
    def test_a_ticket_from_its_beginning_to_its_end(self, done: Run, ticket: str) -> None:
        kim = done("person", "register", "Kim", "--json").document["stream"].split("/")[1]
        done("ticket", "set-requester", ticket, kim)
        done("ticket", "claim", ticket)
        done("ticket", "reply", ticket, "Which office?", "--status", "pending")
        done("ticket", "reply", ticket, "Rome", "--as", f"person:{kim}", "--channel", "mail")
        done("ticket", "classify", ticket, "--type", "incident", "--product", "vpn")
        done("ticket", "prioritise", ticket, "--impact", "high", "--urgency", "high")
        done("ticket", "tag", ticket, "--add", "vpn", "--add", "rome")
        done("ticket", "solve", ticket, "--code", "fixed")
        done("ticket", "close", ticket, "--as", "agent:sue")
        shown = done("ticket", "show", ticket, "--json").document
        assert shown["status"] == "closed"
        assert (shown["requester"], shown["assignee"]) == (kim, "ann")
        assert (shown["priority"], shown["product"], shown["tags"]) == (
            "critical",
            "vpn",
            ["vpn", "rome"],
        )
        assert [comment["body"] for comment in shown["comments"]] == ["Which office?", "Rome"]
        told = done("ticket", "history", ticket).out
        for words in ("agent:ann", f"person:{kim}", "| Which office?", "closed: solved"):
            assert words in told

    def test_a_command_sent_twice_is_done_once(self, done: Run, ask: Run, folder: Path) -> None:
        first = done("ticket", "create", "VPN drops", "--id", "c1", "--json").document
        again = done("ticket", "create", "VPN drops", "--id", "c1", "--json").document
        assert again == {**first, "repeated": True}
        ticket = first["stream"].split("/")[1]
        for _ in range(3):
            done("ticket", "reply", ticket, "Hello", "--id", "r1")
        assert history(done, ticket).count("ticket.replied.v1") == 1
        assert "done before" in done("ticket", "reply", ticket, "Hello", "--id", "r1").out
        assert ask("ticket", "reply", ticket, "Bye", "--id", "r1").code == 1

    def test_what_changes_nothing_says_so(self, done: Run, ticket: str) -> None:
        done("ticket", "tag", ticket, "--add", "vpn")
        said = done("ticket", "tag", ticket, "--add", "vpn")
        assert "nothing to do" in said.out
        assert done("ticket", "tag", ticket, "--add", "vpn", "--json").document["offset"] is None

    def test_a_reply_to_a_closed_ticket_says_where_it_went(self, done: Run, ticket: str) -> None:
        done("ticket", "solve", ticket)
        done("ticket", "close", ticket, "--as", "agent:sue")
        made = done("ticket", "reply", ticket, "Again!", "--id", "r1", "--json").document
        assert made["follow_up_of"] == f"ticket/{ticket}"
        again = done("ticket", "reply", ticket, "Again!", "--id", "r1")
        assert f"it follows up ticket/{ticket}, which is closed" in again.out
        shown = done("ticket", "show", made["stream"], "--json").document
        assert shown["links"] == [{"kind": "follow-up-of", "target": f"ticket/{ticket}"}]

    def test_who_acts_is_named_by_option_variable_or_login(
        self, done: Run, ticket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOGNAME", "bob")
        done("ticket", "note", ticket, "by variable")
        done("ticket", "note", ticket, "by option", "--as", "agent:sue/supervisor")
        monkeypatch.delenv(ACTOR_VARIABLE)
        done("ticket", "note", ticket, "by login")
        events = done("ticket", "history", ticket, "--json").document["events"]
        assert [event["actor"]["id"] for event in events[1:]] == ["ann", "sue", "bob"]
        assert events[2]["actor"]["role"] == "supervisor"

    def test_a_long_text_comes_from_standard_input(
        self, done: Run, ticket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("line 1\nline 2\n"))
        done("ticket", "reply", ticket, "-")
        (comment,) = done("ticket", "show", ticket, "--json").document["comments"]
        assert comment["body"] == "line 1\nline 2"

    def test_fields_are_what_the_settings_say(self, done: Run, ask: Run, ticket: str) -> None:
        done("ticket", "set-fields", ticket, "floor=3", "remote=yes", "sites=berlin, rome")
        fields = done("ticket", "show", ticket, "--json").document["fields"]
        assert fields == {"floor": 3, "remote": True, "sites": ["berlin", "rome"]}
        done("ticket", "set-fields", ticket, "floor=", "remote=off")
        fields = done("ticket", "show", ticket, "--json").document["fields"]
        assert fields == {"remote": False, "sites": ["berlin", "rome"]}
        assert ask("ticket", "set-fields", ticket, "colour=red").code == 1

    def test_a_due_date_is_set_and_taken_away(self, done: Run, ticket: str) -> None:
        done("ticket", "set-due", ticket, "--due", "2026-02-15T17:00:00+01:00")
        due = done("ticket", "show", ticket, "--json").document["due_at"]
        assert due == "2026-02-15T16:00:00.000000Z"
        done("ticket", "set-due", ticket)
        assert done("ticket", "show", ticket, "--json").document["due_at"] is None

    def test_a_reason_stands_in_the_event_or_the_record(self, done: Run, ticket: str) -> None:
        done("ticket", "tag", ticket, "--add", "vpn", "--reason", "she said so")
        done("ticket", "hold", ticket, "--reason", "part ordered")
        *_, tagged, held = done("ticket", "history", ticket, "--json").document["events"]
        assert tagged["reason"] == "she said so"
        assert (held["data"]["reason"], held["reason"]) == ("part ordered", None)

    def test_an_attachment_goes_in_and_comes_out(
        self, done: Run, ticket: str, tmp_path: Path
    ) -> None:
        (tmp_path / "shot.png").write_bytes(b"pixels")
        made = done("ticket", "attach", ticket, str(tmp_path / "shot.png"), "--json").document
        id = made["events"][0]["id"]
        done("ticket", "fetch", ticket, id, "--to", str(tmp_path / "again.png"))
        assert (tmp_path / "again.png").read_bytes() == b"pixels"
        assert "shot.png (6 bytes" in done("ticket", "show", ticket).out

    def test_persons_organisations_and_agents(self, done: Run, folder: Path) -> None:
        made = done(
            *("person", "register", "Kim", "--address", "email:Kim@Example.com"),
            *("--address", "phone:+49 30 123", "--json"),
        ).document
        kim = made["stream"].split("/")[1]
        done("person", "verify-address", kim, "email", "kim@example.com")
        acme = done("organisation", "register", "Acme", "--tier", "gold", "--json").document
        done("person", "set-organisation", kim, "--organisation", acme["stream"].split("/")[1])
        shown = done("person", "show", kim, "--json").document
        assert shown["addresses"] == [
            {"kind": "email", "value": "kim@example.com", "verified": True, "person": kim},
            {"kind": "phone", "value": "+4930123", "verified": False, "person": kim},
        ]
        assert "Kim" in done("person", "show", kim).out
        assert "address verified" in done("person", "history", kim).out
        done("agent", "set-shifts", "ann", "mon 09:00-17:00", "--zone", "Europe/Berlin")
        done("agent", "set-availability", "ann", "away", "--reason", "lunch")
        shown = done("agent", "show", "ann", "--json").document
        assert (shown["availability"], shown["reason"]) == ("away", "lunch")
        assert shown["shifts"] == [{"day": "mon", "start": "09:00", "end": "17:00"}]
        assert shown["settings"]["teams"] == ["network", "billing"]
        rows = done("agent", "list", "--json").document["agents"]
        assert [row["agent"] for row in rows] == ["ann", "bob", "sue"]


class TestReading:
    def test_the_queue_by_page_by_whom_and_by_number(self, done: Run, ticket: str) -> None:
        urgent = (
            done(
                *("ticket", "create", "Fire", "--impact", "high", "--urgency", "high"),
                *("--team", "billing", "--assignee", "bob", "--json"),
            )
            .document["stream"]
            .split("/")[1]
        )
        first = done("queue", "--limit", "1", "--json").document
        (row,) = first["tickets"]
        assert (row["ticket"], row["assignee"]) == (urgent, "bob")
        rest = done("queue", "--after", first["next"], "--json").document
        assert [row["ticket"] for row in rest["tickets"]] == [ticket]
        assert rest["next"] is None
        assert done("queue", "--agent", "bob").out.count("\n") == 2
        only = done("queue", "--unassigned", "--json").document["tickets"]
        assert [row["ticket"] for row in only] == [ticket]
        counts = done("queue", "--count-by", "team", "--json").document["counts"]
        assert counts == [{"team": "billing", "tickets": 1}, {"team": "network", "tickets": 1}]

    def test_pages_are_named_to_people_apart_from_the_table(
        self, ask: Run, done: Run, ticket: str
    ) -> None:
        done("ticket", "create", "Another one")
        said = ask("ticket", "list", "--limit", "1")
        assert said.code == 0
        assert "more: --after" in said.err

    def test_lists_and_words(self, done: Run, ticket: str) -> None:
        done("ticket", "tag", ticket, "--add", "vpn")
        done("ticket", "note", ticket, "The quick brown fox")
        rows = done("ticket", "list", "--tag", "vpn", "--team", "network", "--json").document
        assert [row["ticket"] for row in rows["tickets"]] == [ticket]
        assert done("ticket", "list", "--status", "solved", "--json").document["tickets"] == []
        (found,) = done("search", "quick", "fox", "--json").document["found"]
        assert (found["ticket"], found["public"]) == (ticket, False)
        assert done("search", "quick", "--public", "--json").document["found"] == []
        assert "[quick brown]" in done("search", '"quick brown"', "--ticket", ticket).out

    def test_an_inbox(self, done: Run, ticket: str) -> None:
        document = done("inbox", "ann", "--json").document
        assert [row["ticket"] for row in document["unassigned"]] == [ticket]
        assert document["waiting"] == []
        assert "unassigned in network, billing" in done("inbox", "ann").out

    def test_every_read_of_a_moment(self, done: Run, ticket: str) -> None:
        (line,) = [
            json.loads(line)
            for line in done("log", "tail", "--json").out.splitlines()
            if ticket in line
        ]
        at = f"{line['partition']}:{line['offset']}"
        cut = done("log", "stat", "--json").document["cut"]
        done("ticket", "set-subject", ticket, "Wi-Fi drops")
        done("ticket", "cancel", ticket, "--reason", "withdrawn")
        for moment in (at, cut, line["recorded_at"]):
            then = ("--as-of", moment, "--json")
            assert done("ticket", "show", ticket, *then).document["subject"] == "VPN drops"
            assert len(done("ticket", "history", ticket, *then).document["events"]) == 1
            assert done("queue", *then).document["tickets"][0]["subject"] == "VPN drops"
            assert done("ticket", "list", *then).document["tickets"][0]["status"] == "new"
            assert len(done("search", "VPN", *then).document["found"]) == 1
            assert done("report", "flow", *then).document["rows"][0]["backlog"] == 1
            assert "VPN drops" in done("export", "--as-of", moment).out
        assert done("queue", "--json").document["tickets"] == []
        early = ("--occurred-as-of", "2020-01-01T00:00:00Z", "--json")
        assert done("queue", *early).document["tickets"] == []

    def test_a_report_is_the_same_at_its_cut(self, done: Run, ask: Run, ticket: str) -> None:
        said = done("report", "flow", "--by", "team", "--period", "day", "--json")
        done("ticket", "create", "Another one", "--team", "billing")
        again = done(
            *("report", "flow", "--by", "team", "--period", "day", "--json"),
            *("--as-of", said.document["cut"]),
        )
        assert again.out == said.out
        only = done("report", "flow", "--where", "team=billing", "--json").document["rows"]
        assert [row["created"] for row in only] == [1]
        shown = ask("report", "times", "--from", "2026-01-01", "--to", "2026-03-01")
        assert shown.code == 0
        assert "2026-01" in shown.out
        assert "sha256" in shown.err

    def test_how_agents_work_is_the_same_at_its_cut(self, done: Run, ask: Run, ticket: str) -> None:
        done("ticket", "assign", ticket, "--assignee", "ann")
        done("ticket", "set-status", ticket, "pending")
        said = {}
        for report in ("utilisation", "gaming"):
            said[report] = done("report", report, "--by", "agent", "--by", "team", "--json")
        done("ticket", "set-status", ticket, "open")
        done("ticket", "set-status", ticket, "pending")
        for report, before in said.items():
            cut = ("--as-of", before.document["cut"])
            again = done("report", report, "--by", "agent", "--by", "team", "--json", *cut)
            assert again.out == before.out
        rows = said["utilisation"].document["rows"]
        assert {(row["agent"], row["touches"], row["occupancy"]) for row in rows} == {
            ("ann", 3, None)
        }
        paused = [row["of"] for row in said["gaming"].document["rows"]]
        assert paused == [1, 1]
        assert "0.00" in ask("report", "gaming").out

    def test_a_case_of_likely_gaming_is_named(self, done: Run, ask: Run, ticket: str) -> None:
        person = done("person", "register", "Kim", "--json").document["stream"].split("/")[1]
        done("ticket", "set-requester", ticket, person)
        done("ticket", "reply", ticket, "And?", "--as", f"person:{person}")
        done("ticket", "set-status", ticket, "pending")
        (case,) = done("report", "gaming-cases", "--json").document["rows"]
        assert (case["pattern"], case["ticket"], case["agent"]) == (
            *("pending_after_reply", ticket),
            "ann",
        )
        history = done("ticket", "history", ticket, "--json").document["events"]
        assert case["event"] in [event["id"] for event in history]
        assert "pending_after_reply" in ask("report", "gaming-cases").out
        none = ("--threshold", "replied_seconds=0", "--json")
        assert done("report", "gaming-cases", *none).document["rows"] == []

    def test_an_export_holds_every_ticket(self, done: Run, ticket: str) -> None:
        done("ticket", "create", 'Quotes, "commas"\tand tags', "--tags", "a", "--tags", "b")
        rows = list(csv.DictReader(io.StringIO(done("export").out)))
        assert [row["subject"] for row in rows] == ['Quotes, "commas"\tand tags', "VPN drops"]
        assert rows[0]["tags"] == "a b"
        lines = done("export", "--format", "jsonl").out.splitlines()
        assert [json.loads(line)["ticket"] for line in lines] == [row["ticket"] for row in rows]

    def test_tables_are_plain_where_there_is_no_terminal(self, done: Run, ticket: str) -> None:
        done("ticket", "set-subject", ticket, "[bold]not bold[/bold]" + "x" * 200)
        for line in (
            *("queue", "ticket list", "status", "settings show", "settings history", "views"),
            *("log stat", "log tail", "agent list", f"ticket show {ticket}"),
            f"ticket history {ticket}",
        ):
            out = done(*line.split()).out
            assert "\x1b" not in out
        assert "[bold]not bold[/bold]" + "x" * 200 in done("queue").out

    def test_what_could_command_a_terminal_is_marked(self) -> None:
        assert clean("a\x1b[31mb\u202ec\r\x9b1m\td\ne") == "a\ufffd[31mb\ufffdc\ufffd\ufffd1m\td\ne"


class TestLogAndViews:
    def test_the_log_from_a_position(self, done: Run, ticket: str) -> None:
        cut = done("log", "stat", "--json").document["cut"]
        made = done("ticket", "claim", ticket, "--json").document
        for start in (cut, f"{made['partition']}:{made['offset']}"):
            lines = done("log", "tail", "--json", "--from", start).out.splitlines()
            types = [json.loads(line)["type"] for line in lines]
            assert types == [event["type"] for event in made["events"]]
        assert "assignee changed" in done("log", "tail", "--from", cut).out

    def test_a_sound_desk(self, done: Run, ticket: str) -> None:
        done("queue")
        assert "all is well" in done("log", "verify").out
        assert done("log", "verify", "--json").document["ok"] is True
        assert "none" in done("status").out
        assert done("views").out == done("views", "list").out
        assert "tickets" in done("log", "stat").out
        assert "nothing is parked" in done("views", "retry", "queue").out

    def test_views_are_rebuilt_and_proven(self, done: Run, ask: Run, ticket: str) -> None:
        assert "DIFFERS" not in done("replay", "verify").out
        assert "queue v3 is made anew" in done("replay", "rebuild", "queue").out
        assert done("replay", "verify", "--json").document["same"] is True

    def test_a_view_that_is_not_what_the_log_says_is_shown(
        self, done: Run, ask: Run, ticket: str, folder: Path
    ) -> None:
        import pysqlite3.dbapi2 as sqlite

        done("queue")
        connection = sqlite.connect(str(folder / "views.db"))
        (name,) = connection.execute(
            "SELECT name FROM sqlite_schema WHERE name GLOB 'queue_entries_*' AND type = 'table'"
        ).fetchone()
        connection.execute(f"UPDATE {name} SET priority = 'odd'")
        connection.commit()
        connection.close()
        said = ask("replay", "verify", "queue")
        assert said.code == 1
        assert "DIFFERS" in said.out
        assert "odd" in said.out
        document = ask("replay", "verify", "queue", "--json").document
        assert document["same"] is False
        assert document["views"][0]["tables"][0]["changed"] == 1
        done("replay", "rebuild", "queue")
        done("replay", "verify", "queue")

    def test_what_is_different_between_two_moments(self, done: Run, ticket: str) -> None:
        cut = done("log", "stat", "--json").document["cut"]
        done("ticket", "set-subject", ticket, "Wi-Fi drops")
        entries = done("replay", "diff", "queue", cut, "--json").document["tables"][0]
        assert (entries["changed"], entries["missing"], entries["extra"]) == (1, 0, 0)
        assert entries["differing"][0]["found"]["subject"] == "Wi-Fi drops"
        assert "Wi-Fi drops" in done("replay", "diff", "queue", cut).out
        day = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "--occurred")
        (first, *_) = done("replay", "diff", "queue", *day, "--json").document["tables"]
        assert first["rows"] == 0

    def test_a_view_of_a_moment(self, done: Run, ticket: str) -> None:
        cut = done("log", "stat", "--json").document["cut"]
        done("ticket", "cancel", ticket, "--reason", "withdrawn")
        (line, *_) = done("replay", "as-of", "queue", "--as-of", cut, "--rows").out.splitlines()
        row = json.loads(line)
        assert (row["table"], row["ticket"]) == ("entries", ticket)
        assert "entries" in done("replay", "as-of", "queue", "--as-of", cut).out


class TestSettings:
    def test_a_file_is_applied_shown_and_remembered(
        self, done: Run, folder: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "more.toml"
        file.write_text("[products.vpn]\n[products.mail]\n[products.phone]\nlabel = 'Phone'\n")
        apply = ("settings", "apply", str(file), "--as", "agent:sue")
        said = done(*apply, "--reason", "phones", "--id", "s1")
        assert "1 changed" in said.out
        assert "product/phone" in said.out
        assert "nothing differs" in done(*apply).out
        assert "done before" in done(*apply, "--id", "s1").out
        shown = done("settings", "show", "--json").document
        assert set(shown["products"]) == {"vpn", "mail", "phone"}
        assert "phone" in done("settings", "show").out
        *_, added, activated = done("settings", "history", "--json").document["events"]
        assert added["reason"] == "phones"
        assert activated["type"] == "settings.activated.v1"
        told = done("settings", "history").out
        assert "added" in told
        assert "in force from here" in told

    def test_what_changed_is_said(self, done: Run, folder: Path, tmp_path: Path) -> None:
        cut = done("log", "stat", "--json").document["cut"]
        file = tmp_path / "less.toml"
        file.write_text("[products.vpn]\nlabel = 'Tunnel'\n")
        done("settings", "apply", str(file), "--as", "agent:sue")
        told = done("settings", "history").out
        assert "changed: label Tunnel" in told
        assert "removed" in told
        then = done("settings", "show", "--as-of", cut, "--json").document
        assert set(then["products"]) == {"vpn", "mail"}

    POLICIES = """
    [calendars.office]
    zone = "Europe/Berlin"
    years = [2026, 2027]
    week = { mon-fri = ["09:00-12:00", "13:00-17:00"] }
    holidays = [{ ical = "closed.ics" }]

    [sla_policies.gold]
    position = 1
    when.all = [{ field = "tier", is = "gold" }]
    targets = [{ metric = "first_reply_time", within = { medium = "1h" } }]
    [sla_policies.rest]
    position = 2
    calendar = "office"
    targets = [{ metric = "next_reply_time", within = { medium = "2h" }, business = true }]
    """
    CLOSED = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Outing\r\n"
        "DTSTART;VALUE=DATE:20260605\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )

    def test_calendars_and_policies_are_applied_shown_and_explained(
        self, done: Run, ticket: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "sla.toml"
        file.write_text(self.POLICIES)
        (tmp_path / "closed.ics").write_text(self.CLOSED)
        none = done("settings", "explain", ticket, "--json").document
        assert (none["policy"], none["tried"]) == (None, [])
        assert "none" in done("settings", "explain", ticket).out
        done("settings", "apply", str(file), "--as", "agent:sue")
        shown = done("settings", "show", "--json").document
        assert shown["calendars"]["office"]["holidays"] == {"2026-06-05": "Outing"}
        assert shown["versions"]["sla-policy/gold"] == 1
        told = done("settings", "show").out
        assert "mon=09:00-12:00, 13:00-17:00" in told
        assert "when tier is gold" in told
        found = done("settings", "explain", ticket, "--json").document
        assert (found["policy"], found["version"]) == ("rest", 1)
        assert found["calendar"] == {"id": "office", "version": 1}
        assert found["targets"] == [
            {"metric": "next_reply_time", "seconds": 7_200, "business": True}
        ]
        assert [(each["policy"], each["matches"]) for each in found["tried"]] == [
            ("gold", False),
            ("rest", True),
        ]
        (failed,) = found["tried"][0]["failed"]
        assert (failed["field"], failed["values"], failed["found"]) == ("tier", ["gold"], None)
        told = done("settings", "explain", ticket).out
        assert "rest, version 1" in told
        assert "tier is gold: it is empty" in told

    def test_a_change_of_a_calendar_is_told_shortly(self, done: Run, tmp_path: Path) -> None:
        file = tmp_path / "days.toml"
        text = '[calendars.office]\nzone = "UTC"\nyears = [2020, 2026]\nweek = {}\n'
        file.write_text(text)
        done("settings", "apply", str(file), "--as", "agent:sue")
        file.write_text(text + 'holidays = [{ country = "DE" }]\n')
        done("settings", "apply", str(file), "--as", "agent:sue")
        assert re.search(r"changed: \d\d holidays", done("settings", "history").out)
        assert done("settings", "show", "--json").document["versions"]["calendar/office"] == 2


class TestSla:
    """`ticketlog sla` and `ticketlog settings reapply`."""

    POLICY = """
    [sla_policies.rest]
    position = 1
    targets = [{ metric = "total_resolution_time", within = { medium = "1h" } }]
    """

    def applied(self, done: Run, folder: Path, text: str) -> None:
        file = folder / "sla.toml"
        file.write_text(text)
        done("settings", "apply", str(file), "--as", "agent:sue")

    def test_clocks_run_without_a_policy_too(self, done: Run, ticket: str) -> None:
        told = done("sla", ticket, "--json").document
        assert (told["ticket"], told["policy"]) == (ticket, None)
        clock = next(c for c in told["clocks"] if c["metric"] == "total_resolution_time")
        assert (clock["phase"], clock["target_seconds"], clock["due"]) == ("running", None, None)
        assert {line["change"] for line in told["story"]} == {"activated"}
        assert "no policy applies" in done("sla", ticket).out

    def test_the_story_tells_what_was_promised_and_why_a_clock_changed(
        self, done: Run, ticket: str, tmp_path: Path
    ) -> None:
        self.applied(done, tmp_path, self.POLICY)
        done("ticket", "note", ticket, "Looked at it")
        done("ticket", "solve", ticket)
        told = done("sla", ticket, "--json").document
        assert told["policy"] == {"id": "rest", "version": 1}
        (clock,) = (c for c in told["clocks"] if c["metric"] == "total_resolution_time")
        assert (clock["phase"], clock["target_seconds"], clock["left_seconds"]) == (
            "fulfilled",
            3_600,
            None,
        )
        lines = [
            (line["change"], line["because"])
            for line in told["story"]
            if line.get("metric") in (None, "total_resolution_time")
        ]
        assert lines == [
            ("activated", "created"),
            ("promised", "policy"),
            ("applied", "policy"),
            ("fulfilled", "solved"),
        ]
        assert told["story"][-1]["event"]["type"] == "ticket.solved.v1"
        assert told["story"][-1]["actor"] == "agent:ann"
        shown = done("sla", ticket).out
        assert "policy rest, version 1" in shown
        assert "1:00:00" in shown
        done("replay", "verify")

    def test_the_past_is_told_as_it_was(self, done: Run, ticket: str, tmp_path: Path) -> None:
        cut = done("status", "--json").document["cut"]
        self.applied(done, tmp_path, self.POLICY)
        done("ticket", "note", ticket, "Looked at it")
        assert done("sla", ticket, "--as-of", cut, "--json").document["policy"] is None

    def test_what_is_in_force_is_applied_to_tickets_when_that_is_said(
        self, done: Run, ask: Run, ticket: str, tmp_path: Path
    ) -> None:
        self.applied(done, tmp_path, self.POLICY)
        done("ticket", "note", ticket, "Looked at it")
        self.applied(done, tmp_path, self.POLICY.replace("1h", "2h"))
        done("ticket", "note", ticket, "Looked at it again")
        assert done("sla", ticket, "--json").document["policy"]["version"] == 1
        by = ("--as", "agent:sue/supervisor", "--id", "r1", "--json")
        again = ("settings", "reapply", "--where", "priority=medium", *by)
        assert done(*again).document == {"tickets": 1, "changed": [ticket]}
        assert done("sla", ticket, "--json").document["policy"]["version"] == 2
        none = done("settings", "reapply", "--all", "--as", "agent:sue/supervisor").out
        assert "0 changed" in none
        assert "--all" in ask("settings", "reapply").err
        assert "priority" in ask("settings", "reapply", "--where", "mood=bad").err

    def test_without_a_ticket_it_tells_what_is_due_next(
        self, done: Run, ask: Run, ticket: str, tmp_path: Path
    ) -> None:
        self.applied(done, tmp_path, self.POLICY)
        done("ticket", "assign", ticket, "--team", "network", "--assignee", "ann")
        cut = done("status", "--json").document["cut"]
        listed = done("sla", "--team", "network", "--within", "2h", "--json").document
        (clock,) = listed["clocks"]
        assert (clock["ticket"], clock["metric"]) == (ticket, "total_resolution_time")
        assert clock["policy"] == {"id": "rest", "version": 1}
        assert (clock["target_seconds"], clock["breached_at"], listed["next"]) == (
            3_600,
            None,
            None,
        )
        assert 3_000 < clock["left_seconds"] == clock["until_due_seconds"] <= 3_600
        for none in (("--agent", "bob"), ("--unassigned",), ("--within", "1m"), ("--breached",)):
            assert done("sla", *none, "--json").document["clocks"] == []
        shown = done("sla", "--agent", "ann").out
        assert ticket in shown
        assert "0:5" in shown
        done("ticket", "solve", ticket)
        assert done("sla", "--json").document["clocks"] == []
        then = done("sla", "--as-of", cut, "--json").document
        assert [each["ticket"] for each in then["clocks"]] == [ticket]
        assert then["clocks"][0]["left_seconds"] == 3_600 - then["clocks"][0]["used_seconds"]
        for wrong in (("--within", "soon"), ("--metric", "mood"), (ticket, "--team", "network")):
            assert ask("sla", *wrong).code == 2

    def test_a_breach_tells_who_held_the_ticket(
        self, done: Run, ask: Run, ticket: str, tmp_path: Path
    ) -> None:
        """Nobody, as long as a commit took, and then ann."""
        self.applied(done, tmp_path, self.POLICY.replace('"1h"', '"15s"'))
        done("ticket", "assign", ticket, "--team", "network", "--assignee", "ann")
        later = datetime.now(UTC) + timedelta(minutes=1)
        done("policies", "run", "--until", later.isoformat(), "--json")
        listed = done("sla", "--breached", "--json").document
        (clock,) = listed["clocks"]
        assert [each["agent"] for each in clock["cause"]["by_holder"]] == ["ann", None]
        assert "network/ann" in done("sla", "--breached").out
        (breach,) = done("sla", ticket, "--json").document["breaches"]
        assert sum(span["seconds"] for span in breach["spans"]) == breach["used_seconds"] == 15
        assert "who held it" in done("sla", ticket).out
        report = ("report", "breaches", "--by", "agent", "--json")
        rows = done(*report).document["rows"]
        assert [(row["agent"], row["breaches"]) for row in rows] == [(None, 0), ("ann", 1)]
        document = done("report", "attainment", "--json").document
        assert (document["view"], document["parameters"]["by"]) == ("sla", ["metric"])
        again = done("report", "attainment", "--as-of", document["cut"], "--json").document
        assert again == document
        assert "0.00 %" in ask("report", "attainment").out
        done("replay", "verify")

    def test_of_a_ticket_that_does_not_exist_nothing_is_told(self, ask: Run, folder: Path) -> None:
        said = ask("sla", "NONE")
        assert (said.code, "doesn't exist" in said.err) == (1, True)


class TestFilling:
    CSV = "case,when,what\n1,2026-01-01T09:00:00Z,open\n1,2026-01-01T10:00:00Z,done\n"
    MAPPING = """
    source = "old"
    format = "csv"
    rows = "event"
    [columns]
    case = "case"
    activity = "what"
    [time]
    column = "when"
    [status]
    column = "what"
    [[status.words]]
    status = "open"
    to = "open"
    [[status.words]]
    status = "done"
    to = "solved"
    """

    @pytest.fixture
    def old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
        (tmp_path / "old.csv").write_text(self.CSV)
        (tmp_path / "old.toml").write_text(self.MAPPING)
        monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
        return str(tmp_path / "old.csv"), "--mapping", str(tmp_path / "old.toml")

    def test_an_import_is_reported(self, done: Run, folder: Path, old: tuple[str, ...]) -> None:
        checked = done("import", *old, "--check", "--json").document
        assert (checked["rows"], checked["commits"]) == (2, 2)
        assert done("import", "list", "--json").document["sources"] == []
        said = done("import", *old)
        assert "2 new, 0 known" in said.out
        again = done("import", *old, "--json").document
        assert again["known"] == 2
        assert again["left_out"] == 0

    def test_rows_that_did_not_go_in_give_exit_code_1(
        self, ask: Run, folder: Path, old: tuple[str, ...]
    ) -> None:
        with open(old[0], "a") as file:
            file.write("2,yesterday,open\n")
        said = ask("import", *old)
        assert (said.code, said.err) == (1, "")
        assert "yesterday" in said.out
        assert re.search(r"not recorded +1\n", said.out)

    def test_times_are_seconds_in_documents_and_hours_for_people(
        self, done: Run, ask: Run, old: tuple[str, ...]
    ) -> None:
        done("import", *old)
        (row,) = done("report", "times", "--json").document["rows"]
        assert row["resolution_time_median_seconds"] == 3600
        assert "1:00:00" in ask("report", "times").out

    def test_a_tour_of_a_file(self, ask: Run, old: tuple[str, ...], tmp_path: Path) -> None:
        said = ask("tour", *old, "--into", str(tmp_path / "toured"))
        assert (said.code, said.err) == (0, "")
        for words in ("2 rows of 1 tickets", "Report flow", "solved: open", "all the same"):
            assert words in said.out

    def test_a_tour_of_a_simulation(self, ask: Run, tmp_path: Path) -> None:
        said = ask("tour", "--tickets", "20", "--into", str(tmp_path / "toured"))
        assert (said.code, said.err) == (0, "")
        for words in ("20 tickets", "Queue", "Ticket", "all the same"):
            assert words in said.out
        assert ask("tour", "--into", str(tmp_path / "toured")).code == 2


def test_a_note_says_whom_it_called_in_vain(ask: Run, ticket: str) -> None:
    said = ask("ticket", "note", ticket, "@BOB and @bbo, mail ann@example.org")
    assert "mentions bob" in said.out
    assert "@bbo: no agent" in said.err
    assert "@" not in said.err.replace("@bbo", "")
    again = ask("ticket", "note", ticket, "@bbo?", "--id", "n1", "--json").document
    assert again["unknown"] == ["bbo"]
    assert ask("ticket", "note", ticket, "@bbo?", "--id", "n1", "--json").document == {
        **again,
        "repeated": True,
    }
    assert [
        row["why"]
        for row in ask("inbox", "bob", "--json").document["waiting"]
        if row["ticket"] == ticket
    ] == ["mentioned"]


class TestInbox:
    def test_what_was_seen_leaves_it_and_what_is_snoozed_comes_back(
        self, ask: Run, ticket: str
    ) -> None:
        def whys(agent: str = "bob") -> list[str]:
            return [row["why"] for row in ask("inbox", agent, "--json").document["waiting"]]

        ask("ticket", "note", ticket, "@bob look")
        assert whys() == ["mentioned"]
        bob = ("--as", "agent:bob")
        said = ask("inbox", "snooze", ticket, "--until", "4h", *bob, "--json").document
        assert said["done"][0]["events"][0]["type"] == "agent.tickets-snoozed.v1"
        assert whys() == []
        assert ask("inbox", "bob", "--json").document["snoozed"][0]["ticket"] == ticket
        assert "snoozed: 1" in ask("inbox", "bob").err
        assert ask("inbox", "wake", ticket, *bob).code == 0
        assert whys() == ["mentioned"]
        assert ask("inbox", "seen", ticket, "--version", "0", *bob).code == 0
        assert whys() == ["mentioned"]
        assert "tickets seen" in ask("inbox", "seen", "--all", *bob).out
        assert whys() == []
        assert "nothing to do" in ask("inbox", "seen", "--all", *bob).err
        again = ask("inbox", "seen", ticket.lower(), "--id", "s1", *bob, "--json").document
        assert not again["done"][0]["repeated"]
        again = ask("inbox", "seen", ticket, "--id", "s1", *bob, "--json").document
        assert again["done"][0]["repeated"]

    def test_many_are_unfollowed_at_once(self, ask: Run, ticket: str) -> None:
        other = ask("ticket", "create", "Another", "--json").document["stream"]
        for each in (ticket, other):
            ask("ticket", "follow", each, "--as", "agent:bob")
        said = ask("inbox", "unfollow", ticket, "NOPE", "--as", "agent:bob", "--json")
        assert said.code == 1
        assert [each["stream"] for each in said.document["done"]] == [f"ticket/{ticket}"]
        assert list(said.document["refused"]) == ["NOPE"]
        assert other in ask("inbox", "unfollow", "--all", "--as", "agent:bob").out
        assert "nothing to do" in ask("inbox", "unfollow", "--all", "--as", "agent:bob").err

    def test_what_is_wrong_is_said(self, ask: Run, ticket: str) -> None:
        for code, words, arguments in (
            (2, "name the tickets, or --all", ("seen",)),
            (2, "name the tickets, or --all", ("unfollow", ticket, "--all")),
            (2, "--version is that of one", ("seen", "--all", "--version", "1")),
            (1, "NOPE doesn't exist", ("seen", "NOPE")),
            (1, "nobody has seen version 99", ("seen", ticket, "--version", "99")),
            (1, "time to come", ("snooze", ticket, "--until", "2020-01-01T00:00:00Z")),
            (2, "no time", ("snooze", ticket, "--until", "soon")),
            (2, "zone", ("snooze", ticket, "--until", "2026-01-31T09:00:00")),
            (1, "is not known", ("seen", ticket, "--as", "person:7QK2M9ABCD4F")),
        ):
            said = ask("inbox", *arguments)
            assert (said.code, words in said.err) == (code, True), said

    def test_as_of_a_position_what_was_snoozed_then_is(self, ask: Run, ticket: str) -> None:
        ask("ticket", "note", ticket, "@bob look")
        bob = ("--as", "agent:bob", "--json")
        asleep = ask("inbox", "snooze", ticket, "--until", "4h", *bob).document["done"][0]
        ask("inbox", "wake", ticket, *bob)
        at = f"{asleep['partition']}:{asleep['offset']}"
        then = ask("inbox", "bob", "--as-of", at, "--json").document
        assert ([row["ticket"] for row in then["snoozed"]], then["waiting"]) == ([ticket], [])
        now = ask("inbox", "bob", "--json").document
        assert ([row["why"] for row in now["waiting"]], now["snoozed"]) == (["mentioned"], [])
