"""A desk as a long-running process: it follows, stops, resumes, and says how it is."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite
import pytest

from tests import helpdesk
from tests.helpdesk import ANN, create
from tests.log.commits import a_commit
from tests.service.running import TICKETLOG, Running, running
from ticketlog.desk import Desk, open_desk
from ticketlog.documents.services import ANSWERED
from ticketlog.domain.ticket.conversation import Note
from ticketlog.log.commit import Verdict
from ticketlog.policies import POLICIES
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.views import queue


@pytest.fixture
def service(desk: Desk) -> Iterator[Running]:
    with running(desk.folder) as started:
        yield started


def behind(desk: Desk) -> int:
    """Records that the views lack; to look doesn't bring them up."""
    return sum(view.behind for view in desk.views.status())


def followed(desk: Desk, service: Running) -> None:
    service.sees(lambda: behind(desk), lambda left: left == 0)


def same(desk: Desk) -> None:
    assert [view.view for view in desk.views.verify() if not view.same] == []


class TestFollowing:
    def test_views_follow_what_another_process_records(self, desk: Desk, service: Running) -> None:
        assert service.first.startswith(
            f"{desk.folder} runs: views, policies, outbox, audit, webhooks; health at http://127.0.0.1:"
        )
        service.ready()
        ticket = create(desk)
        followed(desk, service)
        desk.execute(Note(body="more"), on=ticket, actor=ANN)
        followed(desk, service)
        same(desk)

    def test_sigterm_ends_it_and_the_next_one_goes_on(self, desk: Desk) -> None:
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            create(desk)
            with running(desk.folder) as service:
                service.ready()
                followed(desk, service)
                builds = [view.build for view in desk.views.status()]
                service.signal(number)
                code, out, err = service.ended()
            assert (code, err) == (0, "")
            assert out.startswith(f"stopped by {name} after ")
            create(desk)
            assert behind(desk) == len(builds)
        with running(desk.folder) as service:
            followed(desk, service)
        assert [view.build for view in desk.views.status()] == builds
        same(desk)

    def test_kill_9_harms_nothing(self, desk: Desk) -> None:
        for _ in range(3):
            with running(desk.folder) as service:
                service.ready()
                create(desk)
                service.signal(signal.SIGKILL)
                assert service.ended()[0] == -signal.SIGKILL
            create(desk)
        with running(desk.folder) as service:
            service.ready()
            followed(desk, service)
        same(desk)

    def test_two_on_one_desk_are_harmless(self, desk: Desk, service: Running) -> None:
        with running(desk.folder) as second:
            service.ready()
            second.ready()
            for _ in range(50):
                create(desk)
            followed(desk, second)
            assert second.stop()[::2] == (0, "")
        create(desk)
        followed(desk, service)
        assert service.stop()[::2] == (0, "")
        same(desk)

    def test_a_rebuild_by_another_process_is_taken_up(self, desk: Desk, service: Running) -> None:
        service.ready()
        create(desk)
        before = {view.view: view.build for view in desk.views.status()}
        desk.views.rebuild()
        create(desk)
        followed(desk, service)
        after = {view.view: view.build for view in desk.views.status()}
        assert all(after[name] > before[name] for name in before)
        assert service.ready()["workers"][0]["failures"] == 0
        same(desk)

    def test_without_health_it_listens_nowhere(self, desk: Desk) -> None:
        with running(desk.folder, "--debug") as service:
            workers = "views, policies, outbox, audit, webhooks"
            assert service.first == f"{desk.folder} runs: {workers}\n"
            create(desk)
            followed(desk, service)
            assert service.stop()[::2] == (0, "")

    def test_a_second_signal_ends_it_at_once(self, desk: Desk) -> None:
        desk.refresh()
        lock = sqlite.connect(str(desk.folder / "views.db"), isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")  # the worker waits for it, and hears no stop
        with running(desk.folder) as service:
            while service.process.poll() is None:
                service.signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    service.process.wait(0.05)
            assert service.ended()[0] == -signal.SIGTERM
        lock.close()


class TestHealth:
    def test_it_lives_from_the_start(self, service: Running) -> None:
        assert service.get("/live").code == 200
        assert service.get("/live").document == {"live": True}

    @pytest.mark.parametrize("path", ANSWERED)
    def test_it_answers_with_the_document_of_the_path(self, service: Running, path: str) -> None:
        answer = service.get(path).document
        assert ANSWERED[path].filled(answer).plain() == answer

    def test_other_paths_are_not_there(self, service: Running) -> None:
        answer = service.get("/readyz")
        assert answer.code == 404
        assert "/ready" in answer.document["there_is"]

    def test_damaged_views_are_said_to_be_until_they_are_made_anew(self, desk: Desk) -> None:
        create(desk)
        views = desk.folder / "views.db"
        views.write_bytes(b"no database" * 1000)
        with running(desk.folder) as service:
            said = service.until(lambda said: said["workers"][0]["error"])
            assert service.get("/ready").code == 503
            assert service.get("/live").code == 200
            assert not said["ready"]
            assert any("views.db" in reason and "damaged" in reason for reason in said["reasons"])
            assert service.metrics()["ticketlog_ready", frozenset()] == 0
            views.unlink()
            desk.views.rebuild()  # what it says to do
            create(desk)
            assert service.ready()["workers"][0]["failures"] > 0
            followed(desk, service)
            code, _, err = service.stop()
        assert code == 0
        assert all(
            line.startswith("ticketlog: views: the views in ") and "; tried again in " in line
            for line in err.splitlines()
        )
        same(desk)

    def test_a_log_that_is_not_the_one_of_the_views_stops_them(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        helpdesk.make(tmp_path / "other")
        with open_desk(tmp_path / "other") as other:
            other.refresh()
        for file in (tmp_path / "other").glob("views.db*"):
            shutil.copy(file, desk.folder / file.name)
        create(desk)
        with running(desk.folder) as service:
            said = service.until(lambda said: said["workers"][0]["error"])
            told = ":0 is not the record that the views were made from"
            assert any(told in reason for reason in said["reasons"])
            code, out, err = service.stop()
        # It may have failed once more between the look and the stop, and others may have, too.
        lines = [line for line in err.splitlines() if line.startswith("ticketlog: views: ")]
        assert code == 3
        assert len(lines) >= said["workers"][0]["failures"] >= 1
        assert all(told in line and "; tried again in " in line for line in lines)
        assert out.startswith("stopped by SIGTERM")

    def test_a_full_disk_is_said_to_be(self, desk: Desk) -> None:
        create(desk)
        with running(desk.folder, limit=1) as service:
            said = service.until(lambda said: said["workers"][0]["error"])
            assert any("log.db accepts nothing" in reason for reason in said["reasons"])
            assert any("views.db can't be used" in reason for reason in said["reasons"])
            assert service.stop()[0] == 0

    def test_a_parked_stream_is_a_warning(self, desk: Desk, service: Running) -> None:
        service.ready()
        desk.log.append(a_commit("ticket/ODD"))
        create(desk)
        views = {view.name for view in PROJECTIONS if "ticket" in view.folds}
        readers = len(views) + len(POLICIES)
        said = service.until(lambda said: len(said["warnings"]) == readers)
        assert said["ready"]
        warnings = {warning.split()[1]: warning for warning in said["warnings"]}
        assert set(warnings) == views | {policy.NAME for policy in POLICIES}
        assert "has parked ticket/ODD at " in warnings["queue"]
        assert "`ticketlog views retry queue`" in warnings["queue"]
        parked = ("ticketlog_view_parked_streams", frozenset({("view", "queue")}))
        assert service.metrics()[parked] == 1


def at_one_moment(desk: Desk, service: Running) -> tuple[Any, Any]:
    """Metrics and status. Policies record now and then what they have parked, and how far they
    are."""
    said = done(desk.folder, "status", "--json")
    while True:
        found, before, said = service.metrics(), said, done(desk.folder, "status", "--json")
        if wanted(before) == wanted(said):
            return found, said


class TestMetrics:
    def test_they_agree_with_the_status(self, desk: Desk, service: Running) -> None:
        ticket = create(desk)
        desk.log.append(a_commit("ticket/ODD"))
        add_void(desk.folder, Verdict.STALE, Verdict.STALE, Verdict.MALFORMED)
        desk.execute(Note(body="more"), on=ticket, actor=ANN)
        service.ready()
        followed(desk, service)
        found, said = at_one_moment(desk, service)

        assert said["log"]["void"] == {"stale": 2, "malformed": 1}
        assert wanted(said).items() <= found.items()
        names = {name for name, _ in found}
        assert {"ticketlog_build_info", "process_resident_memory_bytes"} <= names
        worker = frozenset({("worker", "views")})
        assert found["ticketlog_worker_up", worker] == 1
        assert found["ticketlog_worker_failures_total", worker] == 0
        assert found["ticketlog_worker_last_pass_timestamp_seconds", worker] > 1_700_000_000

    def test_they_go_on_with_the_log(self, desk: Desk, service: Running) -> None:
        service.ready()
        followed(desk, service)
        before = service.metrics()
        create(desk)
        followed(desk, service)
        after = service.metrics()
        for name in ("log_end_offset", "log_events_total", "view_events_total"):
            moved = [after[key] - before[key] for key in before if key[0] == f"ticketlog_{name}"]
            # The policies may have recorded meanwhile how far they are.
            assert min(moved) >= 0, name
            assert sum(moved) >= 1, name


class TestUsage:
    @pytest.mark.parametrize("place", ["x", "99999", "-1", ":9100", "localhost:", "localhost:x"])
    def test_what_is_no_port(self, folder: Path, place: str) -> None:
        code, err = refused(folder, "--health", place)
        assert code == 2
        assert err.count("\n") == 1
        assert "--health" in err

    def test_a_port_that_is_taken(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, err = refused(folder, "--health", str(port))
        assert code == 2
        assert f"127.0.0.1:{port}" in err
        assert "choose another port" in err

    def test_a_host_that_is_none(self, folder: Path) -> None:
        code, err = refused(folder, "--health", "no.such.host.invalid:0")
        assert (code, err.count("\n")) == (2, 1)
        assert "no.such.host.invalid:0" in err

    def test_a_folder_that_is_no_desk(self, tmp_path: Path) -> None:
        code, err = refused(tmp_path)
        assert code == 2
        assert "is no desk" in err


def test_rows_have_plain_names(desk: Desk) -> None:
    create(desk)
    assert orjson.loads(orjson.dumps(desk.query(queue.Queue()).rows))[0]["subject"] == "VPN drops"


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    with running(folder, *arguments) as service:
        code, out, err = service.ended()
    assert service.first + out == ""
    return code, err


def done(folder: Path, *arguments: str) -> Any:
    command = [TICKETLOG, "--desk", str(folder), *arguments]
    return orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def add_void(folder: Path, *verdicts: Verdict) -> None:
    """Records as a log holds them that was brought over from a broker."""
    connection = sqlite.connect(str(folder / "log.db"))
    for verdict in verdicts:
        connection.execute(
            "INSERT INTO record_3 SELECT offset + 1, x'78', ?, clock, ordinal FROM record_3 "
            "ORDER BY offset DESC LIMIT 1",
            (verdict,),
        )
    connection.commit()
    connection.close()


def wanted(said: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples that a status document implies."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def put(name: str, value: float, **labels: object) -> None:
        made = frozenset((label, str(each)) for label, each in labels.items())
        found[f"ticketlog_{name}", made] = value

    put("ready", 1)
    put("log_reachable", 1)
    put("settings_offset", said["settings"]["position"])
    for part in said["partitions"]:
        p = part["partition"]
        put("log_end_offset", part["end"], partition=p)
        put("index_end_offset", part["index"], partition=p)
        put("index_lag_records", 0, partition=p)
        put("log_events_total", part["events"], partition=p)
        for reason in ("stale", "duplicate", "malformed"):
            n = part["void"].get(reason, 0)
            put("log_void_records_total", n, partition=p, reason=reason)
        for name, view in part["views"].items():
            put("view_offset", view["position"], view=name, partition=p)
            put("view_lag_records", view["lag"], view=name, partition=p)
            put("view_events_total", view["events"], view=name, partition=p)
    for view in said["views"]:
        put("view_parked_streams", len(view["parked"]), view=view["view"])
    return found
