"""A log beside the plainest model of one: random commits, retries, restarts, lost caches."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.log.commits import a_commit
from tests.log.peers import Backend
from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.commit import Commit, Head, Verdict
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log, Placed

PARTITIONS = 2
STREAMS = [f"ticket/{name}" for name in "ABCD"]
streams = st.sampled_from(STREAMS)
few_ids = st.integers(0, 40).map("command-{}".format)
commits = st.builds(
    a_commit,
    stream=streams,
    events=st.integers(1, 3),
    id=few_ids,
    content=st.sampled_from(["one", "one", "one", "other"]),
)
misses = st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1, 5])


class Model:
    """A log as lists, with the acceptance rule spelt out once more."""

    def __init__(self) -> None:
        self.partitions: list[list[Commit]] = [[] for _ in range(PARTITIONS)]

    def stream(self, stream: str) -> list[Commit]:
        here = self.partitions[partition_of(stream, PARTITIONS)]
        return [commit for commit in here if commit.stream == stream]

    def head(self, stream: str) -> Head:
        commits = self.stream(stream)
        version = sum(len(commit.events) for commit in commits)
        return Head(version, commits[-1].settings if commits else 0)

    def place(self, wanted: Commit) -> Placed:
        partition = partition_of(wanted.stream, PARTITIONS)
        offset = 1 + self.partitions[partition].index(wanted)
        return Placed(partition, offset, wanted.expects, len(wanted.events))

    def append(self, commit: Commit) -> Placed | type[Exception]:
        for first in self.stream(commit.stream):
            if first.id == commit.id:
                same = first.digest == commit.digest
                return self.place(first)._replace(repeated=True) if same else CommandReused
        version, settings = self.head(commit.stream)
        if commit.expects != version or commit.settings < settings:
            return Conflict
        self.partitions[partition_of(commit.stream, PARTITIONS)].append(commit)
        return self.place(commit)

    def append_in_bulk(self, commit: Commit, stale: set[str]) -> Placed | Verdict:
        """`stale`: the streams of which an earlier commit of the bulk was."""
        if any(first.id == commit.id for first in self.stream(commit.stream)):
            return Verdict.DUPLICATE
        outcome = Conflict if commit.stream in stale else self.append(commit)
        if isinstance(outcome, Placed):
            return outcome
        stale.add(commit.stream)
        return Verdict.STALE


class LogMachine(RuleBasedStateMachine):
    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp())
        self.log: Log = backend.create(self.folder, PARTITIONS)
        self.other: Log = backend.open(self.folder)
        self.model = Model()
        self.loop = asyncio.Runner()

    def in_a_task(self, log: Log) -> Callable[[Commit], Placed]:
        return lambda commit: self.loop.run(log.append_async(commit))

    def teardown(self) -> None:
        self.loop.close()
        self.log.close()
        self.other.close()
        shutil.rmtree(self.folder)

    def aimed(self, commit: Commit, miss: int, settings: int) -> Commit:
        """At the stream's head, or beside it."""
        head = self.model.head(commit.stream)
        commit.expects = max(0, head.version + miss)
        commit.settings = max(0, head.settings + settings)
        return commit

    @rule(
        commit=commits,
        miss=misses,
        settings=misses,
        elsewhere=st.booleans(),
        awaited=st.booleans(),
    )
    def append(
        self, commit: Commit, miss: int, settings: int, elsewhere: bool, awaited: bool
    ) -> None:
        self.aimed(commit, miss, settings)
        expected = self.model.append(commit)
        log = self.other if elsewhere else self.log
        append = self.in_a_task(log) if awaited else log.append
        if isinstance(expected, Placed):
            assert append(commit) == expected
        else:
            with pytest.raises(expected):
                append(commit)

    @rule(commits=st.lists(st.tuples(commits, misses, misses), max_size=6))
    def append_all(self, commits: list[tuple[Commit, int, int]]) -> None:
        batch, expected = [], []
        stale: set[str] = set()
        before = [len(commits) for commits in self.model.partitions]
        for commit, miss, settings in commits:
            batch.append(self.aimed(commit, miss, settings))
            expected.append(self.model.append_in_bulk(commit, stale))
        found = self.log.append_all(batch)
        assert [_apart_from_offset(each) for each in found] == [
            _apart_from_offset(each) for each in expected
        ]
        offsets = {
            commit.stream + commit.id: placed.offset
            for commit, placed in zip(batch, found, strict=True)
            if isinstance(placed, Placed)
        }
        for commits_there, start in zip(self.model.partitions, before, strict=True):
            commits_there[start:] = sorted(
                commits_there[start:], key=lambda commit: offsets[commit.stream + commit.id]
            )

    @rule()
    def restart(self) -> None:
        self.log.close()
        self.log = self.backend.open(self.folder)

    @rule()
    def lose_the_caches(self) -> None:
        self.log.close()
        self.other.close()
        self.backend.forget(self.folder)
        self.log = self.backend.open(self.folder)
        self.other = self.backend.open(self.folder)

    @rule(stream=streams, start=st.integers(0, 12), length=st.integers(0, 4))
    def read_a_slice(self, stream: str, start: int, length: int) -> None:
        expected = [
            commit.id
            for commit in self.model.stream(stream)
            if commit.expects < start + length and commit.expects + len(commit.events) > start
        ]
        found = self.other.stream(stream, start, start + length)
        assert [orjson.loads(record.data)["id"] for record in found] == expected

    @rule(stream=streams, id=few_ids)
    def look_up_a_command(self, stream: str, id: str) -> None:
        found = [commit for commit in self.model.stream(stream) if commit.id == id]
        expected = self.model.place(found[0]) if found else None
        assert self.other.find(stream, id) == expected

    @invariant()
    def both_readers_see_what_was_accepted(self) -> None:
        for log in (self.log, self.other):
            assert [log.head(stream) for stream in STREAMS] == [
                self.model.head(stream) for stream in STREAMS
            ]
            assert log.ends() == tuple(1 + len(commits) for commits in self.model.partitions)

    @invariant()
    def the_log_holds_the_accepted_commits_in_order(self) -> None:
        for partition, commits in enumerate(self.model.partitions):
            records = self.log.records(partition, 1, 10_000)
            assert [record.verdict for record in records] == [Verdict.ACCEPTED] * len(commits)
            assert [orjson.loads(record.data)["id"] for record in records] == [
                commit.id for commit in commits
            ]
            streams = {
                stream: [record.offset for record in found]
                for stream, found in self.log.streams(partition)
            }
            expected: dict[str, list[int]] = {}
            for offset, commit in enumerate(commits, 1):
                expected.setdefault(commit.stream, []).append(offset)
            assert streams == expected


def _apart_from_offset(outcome: Placed | Verdict) -> Placed | Verdict:
    """In a bulk the order between streams is the log's."""
    return outcome._replace(offset=0) if isinstance(outcome, Placed) else outcome
