"""An old and a new release side by side on one log: they agree on every version, and what the old
one doesn't know keeps nobody from anything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hardship.releases import Newer, Older, Teleported
from tests.helpdesk import ANN
from tests.log.commits import a_commit
from tests.log.peers import Opener, Peer, peers
from ticketlog.desk import init_desk
from ticketlog.errors import Unreadable
from ticketlog.log.commit import ForeignEvent
from ticketlog.projections import PROJECTIONS


class Folders:
    """Of desks with one log: in a file they share a folder, in Kafka each has its own."""

    def __init__(self, older: Path, newer: Path) -> None:
        self.older = older
        self.newer = newer

    @contextmanager
    def side_by_side(self) -> Iterator[tuple[Peer, Peer]]:
        with self.running(Older, self.older) as old, self.running(Newer, self.newer) as new:
            yield old, new

    @contextmanager
    def running(self, release: Opener, folder: Path) -> Iterator[Peer]:
        with peers(release, folder, 1) as (peer,):
            yield peer


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.service)])
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> Folders:
    if request.param == "embedded":
        init_desk(tmp_path / "desk", admin=ANN).close()
        return Folders(tmp_path / "desk", tmp_path / "desk")
    url = request.getfixturevalue("kafka_url")
    for name in ("older", "newer"):
        init_desk(tmp_path / name, log_url=f"{url}?partitions=3", admin=ANN).close()
    return Folders(tmp_path / "older", tmp_path / "newer")


def test_a_stream_with_an_unknown_event_waits_for_the_upgrade_and_no_other_does(
    folders: Folders,
) -> None:
    with folders.side_by_side() as (old, new):
        strange, other = new.call("create", "to Mars"), old.call("create", "to Rome")
        placed = new.call("teleport", strange)
        followers = {view.name for view in PROJECTIONS if "ticket" in view.folds}
        assert set(old.call("parked")) == followers
        assert all(streams == [strange] for streams in old.call("parked").values())
        assert old.call("head", strange) == new.call("head", strange)
        for method, *given in (("events", strange), ("reply", strange, "Hello?")):
            with pytest.raises(Unreadable, match=r"ticket\.teleported\.v1.*upgrade"):
                old.call(method, *given)
        assert old.call("reply", other, "Hello?") == new.call("head", other).version - 1
        assert new.call("reply", strange, "Hello?") > placed.version
        assert old.call("head", strange) == new.call("head", strange)
        assert old.call("sound")

    with folders.running(Newer, folders.older) as upgraded:
        assert "ticket.teleported.v1" in upgraded.call("events", strange)
        assert upgraded.call("retry") == 0
        assert not any(upgraded.call("parked").values())
        assert upgraded.call("reply", strange, "Back on Earth") > placed.version
        assert upgraded.call("sound")


def test_releases_that_race_agree_on_every_version(folders: Folders) -> None:
    with folders.side_by_side() as (old, new):
        streams = [new.call("create", f"Ticket {number}") for number in range(3)]
        heads = {stream: new.call("head", stream) for stream in streams}
        for peer, event in (
            (old, ForeignEvent("ticket.noticed.v1", b"")),
            (new, Teleported(to="Mars")),
        ):
            commits = [
                a_commit(stream, head.version + n, [event], settings=head.settings)
                for n in range(40)
                for stream, head in heads.items()
            ]
            peer.start("contend", commits)
        accepted = [*old.answer(), *new.answer()]
        found = {stream: old.call("head", stream) for stream in streams}
        assert found == {stream: new.call("head", stream) for stream in streams}
        assert sum(found[s].version - heads[s].version for s in streams) == len(accepted)
        assert old.call("index") == new.call("index")


def test_what_an_envelope_says_more_is_passed_by(folders: Folders) -> None:
    """As `claimed_at` is by releases from before it: the record is accepted, read and shown."""
    with folders.side_by_side() as (old, new):
        stream = new.call("create", "to Rome")
        version = new.call("claim", stream, "I wrote this next year")
        assert old.call("head", stream) == new.call("head", stream)
        assert old.call("events", stream) == new.call("events", stream)
        assert old.call("reply", stream, "No, you did not") > version
        assert not any(old.call("parked").values())
        assert old.call("sound")
