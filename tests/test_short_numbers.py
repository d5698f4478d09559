"""Short numbers of tickets: one each, found by search, taken wherever an id is."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.access.restricted_desk import ANN, HAL, restricted_desk
from tests.helpdesk import ANN as WORKER
from tests.helpdesk import SUE, make
from tests.log.peers import peers
from ticketlog.cli import run
from ticketlog.desk import Desk, init_desk, open_desk, restore_desk
from ticketlog.domain.base import NotFound, kind_and_id
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.queries import Queue, Search, TicketLinks, Tickets

CREATE = CreateTicket(subject="VPN drops", team="network")


class Desks:
    open = staticmethod(open_desk)


def numbers(desk: Desk) -> dict[str, int]:
    """The tickets of a list with their numbers."""
    rows = desk.query(Tickets(limit=10_000)).rows
    return {f"ticket/{row['ticket']}": row["number"] for row in rows}


def test_a_number_stands_for_its_ticket_everywhere(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk:
        made = [desk.execute(CREATE, actor=WORKER) for _ in range(5)]
        for each in made:
            assert each.number == desk.numbers.of(each.stream) == numbers(desk)[each.stream]
            for written in (f"#{each.number}", str(each.number), f"ticket/#{each.number}"):
                assert desk.named(written) == each.stream
                assert desk.load(written, actor=WORKER).id in each.stream
        first, second = made[:2]
        assert desk.execute(Note(body="Seen"), on=f"#{first.number}", actor=WORKER).stream == (
            first.stream
        )
        link = LinkTo(kind="problem", target=f"#{second.number}")
        (linked,) = desk.execute(link, on=str(first.number), actor=WORKER).events
        assert linked.event.target in second.stream
        links = desk.query(TicketLinks(ticket=f"#{first.number}"), actor=WORKER)
        assert [each["target"] for each in links["links"]] == [kind_and_id(linked.event.target)[1]]
        found = desk.query(Search(words=f"#{second.number}"), actor=WORKER)
        assert [f"ticket/{each['ticket']}" for each in found] == [second.stream]
        queued = desk.query(Queue(), actor=WORKER).rows
        assert {row["number"] for row in queued} == {each.number for each in made}
        past = desk.at(position=desk.cut())
        assert past.load(f"#{first.number}", actor=WORKER).id in first.stream


def test_a_repeated_create_tells_the_same_number(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk:
        made = desk.execute(CREATE, actor=WORKER, id="once")
        again = desk.execute(CREATE, actor=WORKER, id="once")
        assert again == made._replace(repeated=True)


def test_numbers_survive_an_export(tmp_path: Path) -> None:
    make(tmp_path / "here")
    with open_desk(tmp_path / "here") as desk:
        for _ in range(20):
            desk.execute(CREATE, actor=WORKER)
        kept, lines = numbers(desk), list(desk.log_export())
    with restore_desk(tmp_path / "there", lines) as desk:
        assert numbers(desk) == kept


def test_several_processes_never_give_a_number_twice(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk, peers(Desks, tmp_path, 2) as others:
        for number in range(10):
            for peer in others:
                peer.start("execute", CREATE, actor=WORKER, id=f"{number} of {id(peer)}")
            for peer in others:
                peer.answer()
        given = numbers(desk)
        assert len(given) == len(set(given.values())) == 20


@pytest.mark.service
def test_two_writers_on_kafka_never_give_a_number_twice(tmp_path: Path, kafka_url: str) -> None:
    with (
        init_desk(tmp_path / "one", log_url=kafka_url, admin=SUE) as one,
        init_desk(tmp_path / "two", log_url=kafka_url, admin=SUE) as two,
        ThreadPoolExecutor(8) as threads,
    ):
        create = CreateTicket(subject="VPN drops")
        made = list(threads.map(lambda n: (one, two)[n % 2].execute(create, actor=SUE), range(100)))
        assert len({each.number for each in made}) == 100
        one.log.sync()
        two.log.sync()
        for each in made:
            assert one.named(f"#{each.number}") == two.named(f"#{each.number}") == each.stream


def test_a_number_says_nothing_of_a_hidden_ticket(tmp_path: Path) -> None:
    restricted = restricted_desk(tmp_path / "desk")
    hidden = restricted.execute(CreateTicket(subject="Salary", team="hr"), actor=HAL)
    assert hidden.number is not None
    nobodys = hidden.number + restricted.log.partitions * 1000
    told = []
    for number in (hidden.number, nobodys):
        with pytest.raises(NotFound) as refused:
            restricted.execute(Note(body="Here?"), on=f"#{number}", actor=ANN)
        found = restricted.query(Search(words=f"#{number}"), actor=ANN)
        state = restricted.load(f"#{number}", actor=ANN)
        said = (str(refused.value), refused.value.facts, found, state.exists, state.id)
        told.append(repr(said).replace(str(number), "N"))
    assert told[0] == told[1]
    assert restricted.load(f"#{hidden.number}", actor=HAL).subject == "Salary"
    restricted.close()


def test_the_command_line_takes_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path)
    here = ["--desk", str(tmp_path)]
    assert run([*here, "ticket", "create", "No toner", "--json", "--as", "agent:ann"]) == 0
    made = json.loads(capsys.readouterr().out)
    for written in (f"#{made['number']}", str(made["number"])):
        assert run([*here, "ticket", "show", written, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["number"], f"ticket/{shown['id']}") == (made["number"], made["stream"])
    assert run([*here, "ticket", "note", str(made["number"]), "Seen", "--as", "agent:ann"]) == 0
    assert run([*here, "ticket", "history", str(made["number"])]) == 0
    assert run([*here, "ticket", "show", "99999999"]) == 1
    assert "ticket/#99999999 doesn't exist" in capsys.readouterr().err
