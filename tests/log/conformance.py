"""The conformance tests of every log, for any backend.

A backend joins with a class of its own in a test file:

    class TestMine(Conformance):
        backend = MyBackend
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from tests.log.commits import NOON, a_commit, encode, streams_in
from tests.log.machine import LogMachine
from tests.log.peers import Backend, peers
from ticketlog.errors import CommandReused, Conflict, InDoubt, Unreachable, Usage
from ticketlog.log.commit import MAX_BYTES, Commit, Head, Verdict
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log, Placed, Record

PARTITIONS = 3


def ids(records: list[Record]) -> list[str]:
    return [orjson.loads(record.data)["id"] for record in records]


class Conformance:
    backend: ClassVar[Backend]
    examples: ClassVar[int | None] = None
    """Random histories of the state machine, where each takes long."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        log = self.backend.create(tmp_path, PARTITIONS)
        yield log
        log.close()

    @pytest.fixture
    def reopened(self, log: Log, tmp_path: Path) -> Iterator[Callable[[], Log]]:
        """Opens the log once more, beside the first."""
        others: list[Log] = []

        def reopen() -> Log:
            others.append(self.backend.open(tmp_path))
            return others[-1]

        yield reopen
        for other in others:
            other.close()

    # What stands in a new log

    def test_a_new_log_holds_a_genesis_record_in_each_partition(self, log: Log) -> None:
        assert log.partitions == PARTITIONS
        assert log.ends() == (1,) * PARTITIONS
        for partition in range(PARTITIONS):
            (record,) = log.records(partition, 0, 10)
            assert record[:2] == (partition, 0)
            assert record.verdict is Verdict.GENESIS
            genesis = orjson.loads(record.data)["genesis"]
            assert genesis == {
                "desk": log.desk,
                "log": log.name,
                "partition": partition,
                "partitions": PARTITIONS,
            }

    def test_an_unknown_stream_is_at_version_nought(self, log: Log) -> None:
        assert log.head("ticket/A") == Head(0, 0)
        assert log.stream("ticket/A") == []
        assert log.find("ticket/A", "command") is None

    # Appending

    def test_an_accepted_commit_is_found_where_it_was_placed(self, log: Log) -> None:
        commit = a_commit("ticket/A", events=2, settings=4)
        partition = partition_of("ticket/A", PARTITIONS)

        placed = log.append(commit)

        assert placed == Placed(partition, 1, 0, 2, False)
        assert log.head("ticket/A") == Head(2, 4)
        assert log.find("ticket/A", commit.id) == placed
        record = Record(partition, 1, encode(commit), Verdict.ACCEPTED)
        assert log.stream("ticket/A") == [record]
        assert log.records(partition, 1, 10) == [record]
        assert log.ends()[partition] == 2

    def test_an_id_that_the_stream_has_is_not_written_again(self, log: Log) -> None:
        commit = a_commit("ticket/A", events=2)
        first = log.append(commit)
        log.append(a_commit("ticket/A", 2))
        ends = log.ends()

        again = log.append(commit)
        later = log.append(a_commit("ticket/A", 3, id=commit.id))

        assert again == later == first._replace(repeated=True)
        assert log.ends() == ends

    def test_the_same_id_on_another_stream_is_another_command(self, log: Log) -> None:
        log.append(a_commit("ticket/A", id="same"))

        placed = log.append(a_commit("ticket/B", id="same"))

        assert not placed.repeated
        assert log.find("ticket/B", "same") == placed

    @pytest.mark.parametrize("change", [{"content": "other"}, {"command": "thing.undo"}])
    def test_an_id_that_was_used_for_something_else_is_refused(
        self, log: Log, change: dict[str, str]
    ) -> None:
        first = a_commit("ticket/A")
        log.append(first)
        ends = log.ends()

        with pytest.raises(CommandReused, match=f"{first.id}.*ticket/A.*new id"):
            log.append(a_commit("ticket/A", 1, id=first.id, **change))
        assert log.ends() == ends

    @pytest.mark.parametrize("expects", [0, 1, 3])
    def test_a_commit_that_expects_another_version_is_stale(self, log: Log, expects: int) -> None:
        log.append(a_commit("ticket/A", 0, 2))
        ends = log.ends()

        with pytest.raises(Conflict, match="ticket/A"):
            log.append(a_commit("ticket/A", expects))
        assert log.ends() == ends
        assert log.head("ticket/A").version == 2

    def test_the_settings_of_a_stream_never_go_back(self, log: Log) -> None:
        log.append(a_commit("ticket/A", settings=5))

        with pytest.raises(Conflict, match="settings"):
            log.append(a_commit("ticket/A", 1, settings=4))
        log.append(a_commit("ticket/A", 1, settings=5))
        log.append(a_commit("ticket/A", 2, settings=9))
        log.append(a_commit("ticket/B", settings=0))

        assert log.head("ticket/A") == Head(3, 9)

    def test_a_refused_id_may_come_again(self, log: Log) -> None:
        log.append(a_commit("ticket/A"))
        with pytest.raises(Conflict):
            log.append(a_commit("ticket/A", 0, id="mine"))

        assert not log.append(a_commit("ticket/A", 1, id="mine")).repeated

    def test_a_record_of_one_mebibyte_fits(self, log: Log) -> None:
        commit = a_commit("ticket/A", reason="x")
        commit.reason = "x" * (MAX_BYTES - len(encode(commit)) + 1)

        log.append(commit)

        (record,) = log.stream("ticket/A")
        assert len(record.data) == MAX_BYTES
        with pytest.raises(Usage, match="limit"):
            log.append(a_commit("ticket/A", 1, reason="x" * MAX_BYTES))
        assert log.head("ticket/A").version == 1

    # Bulk

    def test_a_bulk_says_of_each_commit_what_became_of_it(self, log: Log) -> None:
        known = a_commit("ticket/A", id="known")
        log.append(known)
        first, second = a_commit("ticket/B", 0, 2), a_commit("ticket/B", 2)
        third = a_commit("ticket/A", 1)

        outcomes = log.append_all(
            [
                first,
                known,
                a_commit("ticket/A", 1, id="known", content="other"),
                second,
                first,
                a_commit("ticket/B", 2),
                third,
                a_commit("ticket/A", 0),
            ]
        )

        assert outcomes == [
            log.find("ticket/B", first.id),
            Verdict.DUPLICATE,
            Verdict.DUPLICATE,
            log.find("ticket/B", second.id),
            Verdict.DUPLICATE,
            Verdict.STALE,
            log.find("ticket/A", third.id),
            Verdict.STALE,
        ]
        assert log.head("ticket/A").version == 2
        assert log.head("ticket/B").version == 3

    def test_a_bulk_may_be_empty(self, log: Log) -> None:
        assert log.append_all([]) == []

    # Reading

    @pytest.fixture
    def long(self, log: Log) -> list[tuple[int, str]]:
        """A stream whose commits have 1, 2, 3, 1, 2, 3, ... events: (version, id) of each."""
        version, commits = 0, []
        for number in range(150):
            commit = a_commit("ticket/long", version, number % 3 + 1)
            log.append(commit)
            commits.append((version, commit.id))
            version += number % 3 + 1
        return commits

    @pytest.mark.parametrize(
        ("start", "stop"),
        [(0, None), (0, 1), (0, 0), (1, 2), (2, 3), (4, 9), (5, None), (298, 300), (299, None)],
    )
    def test_a_slice_of_a_stream_holds_the_commits_that_touch_it(
        self, log: Log, long: list[tuple[int, str]], start: int, stop: int | None
    ) -> None:
        ends = [version for version, _ in long[1:]] + [300]
        expected = [
            id
            for (version, id), end in zip(long, ends, strict=True)
            if end > start and (stop is None or version < stop)
        ]

        assert ids(log.stream("ticket/long", start, stop)) == expected

    def test_every_id_of_a_long_stream_is_known(
        self, log: Log, long: list[tuple[int, str]]
    ) -> None:
        for version, id in long:
            found = log.find("ticket/long", id)
            assert found is not None
            assert found.version == version
            assert log.append(a_commit("ticket/long", version, id=id)).repeated

    def test_streams_come_in_the_order_of_their_names(self, log: Log) -> None:
        names = [*streams_in(1, PARTITIONS, 30), "ticket/ä", "ticket/Z", "a"]
        for name in reversed(names):
            log.append(a_commit(name))
            log.append(a_commit(name, 1))
        here = sorted(name for name in names if partition_of(name, PARTITIONS) == 1)

        found = list(log.streams(1))
        assert [name for name, _ in found] == here
        assert all(records == log.stream(name) for name, records in found)
        assert [name for name, _ in log.streams(1, after=here[9])] == here[10:]

    def test_streams_as_of_a_cut_hold_only_what_was_before_it(self, log: Log) -> None:
        first, second = streams_in(0, PARTITIONS, 2)
        log.append(a_commit(first, id="1"))
        ends = log.ends()
        log.append(a_commit(first, 1, id="2"))
        log.append(a_commit(second, id="3"))

        before = {name: ids(records) for name, records in log.streams(0, ends)}
        assert before == {first: ["1"]}

    def test_records_come_in_log_order_in_pages(self, log: Log) -> None:
        (stream,) = streams_in(2, PARTITIONS, 1)
        commits = [a_commit(stream, version) for version in range(7)]
        for commit in commits:
            log.append(commit)

        pages = [log.records(2, start, 3) for start in (1, 4, 7)]

        assert [len(page) for page in pages] == [3, 3, 1]
        assert [record.offset for page in pages for record in page] == [*range(1, 8)]
        assert ids([record for page in pages for record in page]) == [c.id for c in commits]
        assert log.records(2, 8, 3) == []

    def test_a_time_is_the_longest_prefix_that_was_never_after_it(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        @settings(max_examples=self.examples or settings.default.max_examples)
        @given(times=st.lists(st.integers(0, 20), max_size=12), moment=st.integers(-1, 21))
        def holds(times: list[int], moment: int) -> None:
            log = self.backend.create(tmp_path_factory.mktemp("log"), 1)
            later = 4_000_000_000_000_000  # after the genesis records
            for version, time in enumerate(times):
                log.append(a_commit("ticket/A", version, recorded_at=later + time))

            running = [later + max(times[: n + 1]) for n in range(len(times))]
            expected = 1 + sum(time <= later + moment for time in running)
            assert log.offset_at(0, later + moment) == expected
            assert log.offset_at(0, 0) == 0
            log.close()

        holds()

    # Waiting

    def test_waiting_ends_at_once_where_there_is_more(self, log: Log) -> None:
        ends = log.ends()
        assert not log.wait(ends, 0)

        log.append(a_commit("ticket/A"))

        assert log.wait(ends, 0)
        assert not log.wait(log.ends(), 0)

    def test_a_waiting_thread_is_woken_by_an_append(self, log: Log) -> None:
        ends = log.ends()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(log.wait, ends, 60)
            log.append(a_commit("ticket/A"))
            assert waiting.result()

    def test_a_waiting_process_is_woken_by_another(self, log: Log, tmp_path: Path) -> None:
        ends = log.ends()
        with peers(self.backend, tmp_path, 1) as (peer,):
            peer.start("wait", ends, 60)
            log.append(a_commit("ticket/A"))
            assert peer.answer()

    # Opening again

    def test_an_opened_log_is_the_log_that_was_closed(
        self, log: Log, reopened: Callable[[], Log]
    ) -> None:
        for version in range(5):
            log.append(a_commit("ticket/A", version))
        content = [log.records(partition, 0, 100) for partition in range(PARTITIONS)]

        other = reopened()

        assert (other.name, other.desk, other.partitions) == (log.name, log.desk, PARTITIONS)
        assert other.ends() == log.ends()
        assert [other.records(partition, 0, 100) for partition in range(PARTITIONS)] == content
        assert other.head("ticket/A") == Head(5, 0)
        other.append(a_commit("ticket/A", 5))
        assert log.head("ticket/A") == Head(6, 0)

    def test_what_is_a_cache_comes_back(self, log: Log, tmp_path: Path) -> None:
        for version in range(100):
            log.append(a_commit("ticket/A", version, id=f"id-{version}", settings=version // 9))
            log.append(a_commit(f"ticket/{version}", events=2))
        expected = snapshot(log)
        log.close()

        self.backend.forget(tmp_path)
        log = self.backend.open(tmp_path)

        assert snapshot(log) == expected
        assert log.append(a_commit("ticket/A", 3, id="id-3")).repeated
        with pytest.raises(Conflict):
            log.append(a_commit("ticket/A", 99))
        log.append(a_commit("ticket/A", 100, settings=99))
        log.close()

    def test_whatever_is_done_to_it_a_log_is_what_the_rule_says(self) -> None:
        several = (
            settings(max_examples=self.examples, stateful_step_count=20) if self.examples else None
        )
        run_state_machine_as_test(lambda: LogMachine(self.backend), settings=several)

    def test_a_closed_log_says_so(self, tmp_path: Path) -> None:
        log = self.backend.create(tmp_path, PARTITIONS)
        log.append(a_commit("ticket/A"))
        log.close()

        with pytest.raises(Unreachable, match="closed"):
            log.append(a_commit("ticket/A", 1))
        with pytest.raises(Unreachable, match="closed"):
            log.head("ticket/A")

    def test_a_log_may_be_closed_while_other_threads_read(self, tmp_path: Path) -> None:
        for _ in range(10):
            log = self.backend.create(Path(tempfile.mkdtemp(dir=tmp_path)), PARTITIONS)
            log.append_all([a_commit(f"ticket/{number}") for number in range(50)])
            begun = threading.Barrier(4)

            def read(log: Log = log, begun: threading.Barrier = begun) -> None:
                begun.wait()
                while True:
                    snapshot(log)

            with ThreadPoolExecutor(3) as threads:
                readers = [threads.submit(read) for _ in range(3)]
                begun.wait()
                log.close()
            assert all(isinstance(reader.exception(), Unreachable) for reader in readers)

    # Many writers

    def test_threads_that_append_together_each_get_their_place(self, log: Log) -> None:
        def work(number: int) -> list[Placed]:
            return [
                log.append(a_commit(f"ticket/{number}", version, id=f"{number}-{version}"))
                for version in range(20)
            ]

        with ThreadPoolExecutor(8) as threads:
            placed = list(threads.map(work, range(8)))

        for number, places in enumerate(placed):
            assert [place.version for place in places] == [*range(20)]
            stream = log.stream(f"ticket/{number}")
            assert ids(stream) == [f"{number}-{version}" for version in range(20)]
            assert [record.offset for record in stream] == [place.offset for place in places]
        assert sum(log.ends()) == PARTITIONS + 160

    def test_threads_that_race_leave_one_commit_per_version(self, log: Log) -> None:
        start = threading.Barrier(4)

        def work(number: int) -> list[str]:
            start.wait()
            accepted = []
            for version in range(50):
                try:
                    log.append(a_commit("ticket/A", version, id=f"{number}-{version}"))
                except Conflict:
                    continue
                accepted.append(f"{number}-{version}")
            return accepted

        with ThreadPoolExecutor(4) as threads:
            accepted = [id for won in threads.map(work, range(4)) for id in won]

        stream = ids(log.stream("ticket/A"))
        assert [id.split("-")[1] for id in stream] == [str(v) for v in range(len(stream))]
        assert sorted(stream) == sorted(accepted)

    def test_threads_that_send_the_same_command_get_the_same_answer(self, log: Log) -> None:
        start = threading.Barrier(8)
        commit = a_commit("ticket/A")

        def work(_: int) -> Placed:
            start.wait()
            return log.append(commit)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(work, range(8)))

        assert {answer[:4] for answer in answers} == {answers[0][:4]}
        assert sum(not answer.repeated for answer in answers) == 1
        assert ids(log.stream("ticket/A")) == [commit.id]

    # Tasks of an event loop

    def test_a_task_is_told_what_a_thread_is_told(self, log: Log) -> None:
        first = a_commit("ticket/A", events=2)

        async def work() -> None:
            placed = await log.append_async(first)
            assert placed == log.find("ticket/A", first.id)
            assert await log.append_async(first) == placed._replace(repeated=True)
            with pytest.raises(CommandReused, match=f"{first.id}.*ticket/A.*new id"):
                await log.append_async(a_commit("ticket/A", 2, id=first.id, content="other"))
            with pytest.raises(Conflict, match="ticket/A"):
                await log.append_async(a_commit("ticket/A", 0))
            with pytest.raises(Usage, match="limit"):
                await log.append_async(a_commit("ticket/A", 2, reason="x" * MAX_BYTES))

        asyncio.run(work())

        assert ids(log.stream("ticket/A")) == [first.id]
        assert log.append(a_commit("ticket/A", 2)).version == 2

    def test_tasks_that_append_together_each_get_their_place(self, log: Log) -> None:
        async def work(number: int) -> list[Placed]:
            return [
                await log.append_async(
                    a_commit(f"ticket/{number}", version, id=f"{number}-{version}")
                )
                for version in range(10)
            ]

        async def all_of_them() -> list[list[Placed]]:
            return await asyncio.gather(*map(work, range(32)))

        placed = asyncio.run(all_of_them())

        for number, places in enumerate(placed):
            assert [place.version for place in places] == [*range(10)]
            stream = log.stream(f"ticket/{number}")
            assert ids(stream) == [f"{number}-{version}" for version in range(10)]
            assert [record.offset for record in stream] == [place.offset for place in places]
        assert sum(log.ends()) == PARTITIONS + 320

    def test_tasks_and_threads_that_race_leave_one_commit_per_version(self, log: Log) -> None:
        start = threading.Barrier(4)

        def commit(number: int, version: int) -> Commit:
            return a_commit("ticket/A", version, id=f"{number}-{version}")

        def in_thread(number: int) -> list[str]:
            start.wait()
            accepted = []
            for version in range(30):
                try:
                    log.append(commit(number, version))
                except Conflict:
                    continue
                accepted.append(f"{number}-{version}")
            return accepted

        async def in_task(number: int) -> list[str]:
            accepted = []
            for version in range(30):
                try:
                    await log.append_async(commit(number, version))
                except Conflict:
                    continue
                accepted.append(f"{number}-{version}")
            return accepted

        async def in_tasks(numbers: range) -> list[str]:
            won = await asyncio.gather(*map(in_task, numbers))
            return [id for each in won for id in each]

        def in_a_loop(numbers: range) -> list[str]:
            start.wait()
            return asyncio.run(in_tasks(numbers))

        with ThreadPoolExecutor(4) as threads:
            loops = [threads.submit(in_a_loop, numbers) for numbers in (range(4), range(4, 8))]
            others = [threads.submit(in_thread, number) for number in (8, 9)]
            accepted = [id for each in (*loops, *others) for id in each.result()]

        stream = ids(log.stream("ticket/A"))
        assert [id.split("-")[1] for id in stream] == [str(v) for v in range(30)]
        assert sorted(stream) == sorted(accepted)

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    def test_an_append_goes_on_where_its_task_is_cancelled(self, log: Log, turns: int) -> None:
        """`turns`: of the event loop, until the tasks are cancelled."""
        commits = [a_commit(f"ticket/{number}") for number in range(8)]

        async def work() -> None:
            tasks = [asyncio.create_task(log.append_async(commit)) for commit in commits]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            again = await asyncio.gather(*map(log.append_async, commits))
            assert [each.repeated for each in again] == [turns > 0] * 8

        asyncio.run(work())

        for commit in commits:
            assert ids(log.stream(commit.stream)) == [commit.id]

    def test_a_loop_that_ends_takes_nothing_along(self, log: Log) -> None:
        """The loop is closed before its appends have an answer."""
        commits = [a_commit(f"ticket/{number}") for number in range(8)]

        async def begin() -> None:
            for commit in commits:
                task = asyncio.create_task(log.append_async(commit))
                await asyncio.sleep(0)
                task.cancel()

        asyncio.run(begin())

        log.append(a_commit("ticket/other"))
        for commit in commits:
            log.append(commit)
            assert ids(log.stream(commit.stream)) == [commit.id]

    def test_closing_a_log_ends_what_is_awaited(self, tmp_path: Path) -> None:
        for round in range(5):
            folder = tmp_path / str(round)
            folder.mkdir()
            log = self.backend.create(folder, PARTITIONS)
            commits = [a_commit(f"ticket/{number}") for number in range(50)]

            async def work(log: Log = log, commits: list[Commit] = commits) -> list[object]:
                log_closed = asyncio.get_running_loop().run_in_executor(None, log.close)
                tasks = map(log.append_async, commits)
                told = await asyncio.gather(*tasks, return_exceptions=True)
                await log_closed
                with pytest.raises(Unreachable, match="closed"):
                    await log.append_async(a_commit("ticket/late"))
                return list(told)

            told = asyncio.run(work())

            log = self.backend.open(folder)
            for commit, answer in zip(commits, told, strict=True):
                assert isinstance(answer, Placed | Unreachable), answer
                if isinstance(answer, Placed):
                    assert ids(log.stream(commit.stream)) == [commit.id]
                elif not isinstance(answer, InDoubt):
                    assert log.stream(commit.stream) == []
            log.close()

    def test_a_process_whose_memory_lags_is_told_so(self, log: Log, tmp_path: Path) -> None:
        """The other process has the stream's head in memory; then we move on."""
        mine = a_commit("ticket/A", 1, id="mine", settings=3)
        with peers(self.backend, tmp_path, 1) as (peer,):
            peer.call("append", a_commit("ticket/A", 0))
            assert peer.call("head", "ticket/A") == Head(1, 0)
            placed = log.append(mine)

            with pytest.raises(Conflict, match="ticket/A"):
                peer.call("append", a_commit("ticket/A", 1))
            assert peer.call("append", mine) == placed._replace(repeated=True)
            with pytest.raises(CommandReused):
                peer.call("append", a_commit("ticket/A", 2, id="mine", content="other"))
            with pytest.raises(Conflict, match="settings"):
                peer.call("append", a_commit("ticket/A", 2, settings=2))
            theirs = peer.call("append", a_commit("ticket/A", 2, settings=3))

        assert theirs.version == 2
        assert log.append(a_commit("ticket/A", 3, settings=3)).version == 3

    def test_processes_that_race_leave_one_commit_per_version(
        self, log: Log, tmp_path: Path
    ) -> None:
        versions = 60
        with peers(self.backend, tmp_path, 3) as others:
            for number, peer in enumerate(others):
                commits = [a_commit("ticket/A", v, id=f"{number}-{v}") for v in range(versions)]
                peer.start("contend", commits)
            accepted = [id for peer in others for id in peer.answer()]

        stream = ids(log.stream("ticket/A"))
        assert [id.split("-")[1] for id in stream] == [str(v) for v in range(len(stream))]
        assert sorted(stream) == sorted(accepted)
        records = log.records(partition_of("ticket/A", PARTITIONS), 1, 1000)
        assert [r for r in records if r.verdict is Verdict.ACCEPTED] == log.stream("ticket/A")

    @pytest.mark.parametrize("expects", [0, 1], ids=["create", "change"])
    def test_processes_that_send_the_same_command_get_the_same_answer(
        self, log: Log, tmp_path: Path, expects: int
    ) -> None:
        for version in range(expects):
            log.append(a_commit("ticket/A", version))
        with peers(self.backend, tmp_path, 3) as others:
            for number in range(10):
                commit = (
                    a_commit(f"ticket/{number}", 0)
                    if not expects
                    else a_commit("ticket/A", expects + number)
                )
                for peer in others:
                    peer.start("append", commit)
                answers = [peer.answer() for peer in others]

                assert {answer[:4] for answer in answers} == {answers[0][:4]}
                assert sum(not answer.repeated for answer in answers) == 1
                assert ids(log.stream(commit.stream)).count(commit.id) == 1


def snapshot(log: Log) -> list[object]:
    """Everything that can be read of a log."""
    streams = [
        (name, log.head(name), log.find(name, ids(records)[-1]), records)
        for partition in range(log.partitions)
        for name, records in log.streams(partition)
    ]
    records = [log.records(partition, 0, 10_000) for partition in range(log.partitions)]
    begun = [log.offset_at(partition, NOON) for partition in range(log.partitions)]
    return [streams, records, log.ends(), begun]
