"""A log whose first records somebody deletes is called well by nothing that anybody runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition

from tests import helpdesk
from tests.cli.commands.test_log import printed, tail
from tests.said import Run
from tests.service.running import running
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, init_desk
from ticketlog.errors import Damaged
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.partitioner import partition_of

pytestmark = pytest.mark.service
LOST = "its first record is 1: records are gone"


@pytest.fixture
def desk(tmp_path: Path, kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    with init_desk(tmp_path / "desk", log_url=f"{kafka_url}?partitions=2") as desk:
        desk.settings_apply(helpdesk.SETTINGS, actor=helpdesk.SUE, reason="tests")
        yield desk


def wait_for_more(desk: Desk) -> None:
    while True:
        desk.log.wait(desk.log.ends(), 0.1)


def delete(desk: Desk, log: str, partition: int) -> None:
    """The first record of a partition goes, as retention would take it."""
    where = KafkaAddress.parse(desk.config.log_url)
    with topics.admin(where) as admin:
        admin.delete_records({TopicPartition(where.topic(log), partition): 1})


COMMANDS = (
    ("ticket", "show", "TICKET"),
    ("ticket", "history", "TICKET"),
    ("ticket", "note", "TICKET", "Hello"),
    ("ticket", "create", "VPN drops again"),
    ("queue",),
    ("report", "flow"),
    ("log", "tail"),
    ("log", "tail", "--follow"),
    ("log", "stat"),
    ("log", "verify"),
    ("log", "tail", "--access"),
    ("audit", "access", "TICKET"),
    ("policies", "run"),
    ("publish",),
    ("status",),
)


@pytest.mark.parametrize("lost", ["another partition", "its partition", "settings", "access"])
def test_every_command_stops(desk: Desk, ask: Run, lost: str) -> None:
    ticket = helpdesk.create(desk)
    desk.refresh()
    at = ["--desk", str(desk.folder)]
    assert ask(*at, "publish").code == 0
    its = partition_of(f"ticket/{ticket}", 2)
    partition = {"another partition": 1 - its, "its partition": its}.get(lost, 0)
    delete(desk, lost if lost in ("settings", "access") else "tickets", partition)
    for command in COMMANDS:
        said = ask(*at, *(ticket if word == "TICKET" else word for word in command))
        assert said.code == 3, (command, said)
        assert LOST in said.out + said.err, (command, said)


def test_a_desk_that_was_open_stops(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    delete(desk, "tickets", 0)
    with pytest.raises(Damaged, match=LOST):
        wait_for_more(desk)
    with pytest.raises(Damaged, match=LOST):
        list(desk.subscribe(follow=True))
    with pytest.raises(Damaged, match=LOST):
        desk.publisher().catch_up()
    with pytest.raises(Damaged, match=LOST):
        desk.log.sync()
    assert any(LOST in trouble for trouble in desk.status().troubles)
    assert ticket


def test_who_follows_is_stopped(desk: Desk) -> None:
    helpdesk.create(desk)
    with tail(desk.folder, "--json") as process:
        printed(process, 1)
        delete(desk, "tickets", 1)
        assert process.wait(60) == 3
        assert process.stderr is not None
        assert LOST in process.stderr.read()


def _of_tickets(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The workers that follow the log of the tickets: audits follow that of access, and there are
    no webhooks."""
    return [each for each in said["workers"] if each["worker"] not in ("audit", "webhooks")]


def test_a_service_says_so_and_ends_with_3(desk: Desk) -> None:
    helpdesk.create(desk)
    with (desk.folder / "ticketlog.toml").open("a") as file:
        file.write(f'\n[publish]\nurl = "{desk.config.log_url.partition("?")[0]}"\n')
    with running(desk.folder) as service:
        service.ready()
        delete(desk, "tickets", 0)
        said = service.until(lambda said: all(each["error"] for each in _of_tickets(said)))
        assert not said["ready"]
        assert len(_of_tickets(said)) == 4
        assert all(LOST in each["error"] for each in _of_tickets(said))
        assert service.stop()[0] == 3
