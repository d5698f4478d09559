"""An address belongs to one person, however it is written and whoever gives it at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpdesk import ANN, SUE
from tests.log.peers import Peer, peers
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Command, Refused
from ticketlog.domain.parties.contact import AddAddress, Address, RemoveAddress, VerifyAddress
from ticketlog.domain.parties.person import MergePerson, RegisterPerson, UnmergePerson
from ticketlog.projections.views import persons

KIM = "kim@example.org"


def mail(value: str = KIM) -> Address:
    return Address(kind="email", value=value)


def a_person(desk: Desk, name: str, *addresses: str) -> str:
    command = RegisterPerson(name=name, addresses=tuple(map(mail, addresses)))
    return desk.execute(command, actor=ANN).stream.removeprefix("person/")


def does(desk: Desk, person: str, command: Command, **given: str) -> int:
    """How many events it made."""
    return len(desk.execute(command, on=f"person/{person}", actor=ANN, **given).events)  # type: ignore[arg-type]


def refused(desk: Desk, person: str, command: Command) -> str:
    with pytest.raises(Refused) as refusal:
        does(desk, person, command)
    assert KIM not in str(refusal.value), "a refusal may be recorded, where nothing is personal"
    return str(refusal.value)


def have(desk: Desk, value: str = KIM) -> list[str]:
    desk.log.sync()
    return [each["person"] for each in desk.query(persons.Persons(text=value))]


@pytest.mark.parametrize(
    "address",
    [
        Address(kind="email", value=" KIM@Example.ORG"),
        Address(kind="phone", value="+49 (30) 12-34"),
        Address(kind="handle", value="@kim "),
    ],
)
def test_what_one_has_no_other_gets(desk: Desk, address: Address) -> None:
    known = (mail(), Address(kind="phone", value="+49301234"), Address(kind="handle", value="@kim"))
    made = desk.execute(RegisterPerson(name="Kim", addresses=known), actor=ANN)
    kim = made.stream.removeprefix("person/")
    lee = a_person(desk, "Lee")
    add = AddAddress(kind=address.kind, value=address.value)
    assert f"ticketlog person merge {lee} {kim}" in refused(desk, lee, add)
    with pytest.raises(Refused, match=rf"person {kim} has that .* use that person instead"):
        desk.execute(RegisterPerson(name="Kim L.", addresses=(address,)), actor=ANN)
    assert have(desk, address.value) == [kim]
    assert does(desk, kim, add) == 0
    does(desk, kim, RemoveAddress(kind=address.kind, value=address.value))
    assert does(desk, lee, add) == 1
    assert have(desk, address.value) == [lee]
    assert desk.status().shared_addresses.plain() == {"number": 0, "first": []}


def test_whose_an_address_is_waits_for_no_other_view(desk: Desk) -> None:
    a_person(desk, "Kim", KIM)
    assert [each.view for each in desk.status().views if each.build] == ["persons"]


def test_a_register_that_is_sent_again_meets_itself(desk: Desk) -> None:
    command = RegisterPerson(name="Kim", addresses=(mail(),))
    first = desk.execute(command, actor=ANN, id="mail-1")
    again = desk.execute(command, actor=ANN, id="mail-1")
    assert again == first._replace(repeated=True)
    kim = first.stream.removeprefix("person/")
    does(desk, kim, RemoveAddress(kind="email", value=KIM))
    a_person(desk, "Lee", KIM)
    assert desk.execute(command, actor=ANN, id="mail-1") == first._replace(repeated=True)


def test_merged_they_have_all_addresses_and_parted_their_own(desk: Desk) -> None:
    kim, old, lee = a_person(desk, "Kim"), a_person(desk, "Kim L.", KIM), a_person(desk, "Lee")
    does(desk, old, MergePerson(into=kim))
    assert have(desk) == [kim]
    card = desk.query(persons.PersonCard(person=kim))
    assert [(each["value"], each["person"]) for each in card["addresses"]] == [(KIM, old)]
    assert f"person {kim} (as {old})" in refused(desk, lee, AddAddress(kind="email", value=KIM))
    assert does(desk, kim, AddAddress(kind="email", value=KIM)) == 0, "they have it already"
    for command in (
        AddAddress(kind="email", value=KIM, verified=True),
        VerifyAddress(kind="email", value=KIM),
        RemoveAddress(kind="email", value=KIM),
    ):
        assert f"to person {old}" in refused(desk, kim, command)
    assert does(desk, old, VerifyAddress(kind="email", value=KIM)) == 1
    does(desk, old, UnmergePerson())
    assert have(desk) == [old]
    assert f"person {old} has" in refused(desk, kim, AddAddress(kind="email", value=KIM))
    does(desk, old, MergePerson(into=kim))
    assert does(desk, old, RemoveAddress(kind="email", value=KIM)) == 1
    assert does(desk, lee, AddAddress(kind="email", value=KIM)) == 1


def test_what_two_got_at_once_is_taken_back(desk: Desk) -> None:
    """The other's comes in between deciding and recording this one."""
    kim, lee = a_person(desk, "Kim"), a_person(desk, "Lee")
    add = AddAddress(kind="email", value=KIM)
    append = desk.log.append
    with open_desk(desk.folder) as other:
        others = [lambda: does(other, kim, add)]

        def late(commit):  # type: ignore[no-untyped-def]
            if others and commit.stream == f"person/{lee}":
                others.pop()()
            return append(commit)

        desk.log.append = late  # type: ignore[method-assign]
        told = []
        for _ in range(2):
            with pytest.raises(Refused) as refusal:
                desk.execute(add, on=f"person/{lee}", actor=ANN, id="again")
            told.append(str(refusal.value))
    assert told[0] == told[1]
    assert "taken back" in told[0]
    assert [type(each.event).__name__ for each in desk.history(f"person/{lee}")][1:] == [
        "AddressAdded",
        "AddressRemoved",
    ]
    assert have(desk) == [kim]
    does(desk, kim, RemoveAddress(kind="email", value=KIM))
    assert does(desk, lee, add) == 1


def test_one_who_was_registered_at_once_stays_without_it(desk: Desk) -> None:
    append, others = desk.log.append, []
    command = RegisterPerson(name="Kim", addresses=(mail(), mail("kim@home.example")))
    with open_desk(desk.folder) as other:

        def late(commit):  # type: ignore[no-untyped-def]
            if not others and commit.command == "person.register":
                others.append(a_person(other, "Kim L.", KIM))
            return append(commit)

        desk.log.append = late  # type: ignore[method-assign]
        with pytest.raises(Refused, match="stays registered without it"):
            desk.execute(command, actor=ANN, id="mail-1")
    assert have(desk) == others
    (kim,) = have(desk, "kim@home.example")
    assert kim not in others


def test_of_threads_one_gets_it(desk: Desk) -> None:
    def register(number: int) -> bool:
        try:
            a_person(desk, f"Kim {number}", KIM)
        except Refused as refusal:
            return "use that person" not in str(refusal)
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(register, range(8)))
    assert done.count(True) == 1
    assert len(have(desk)) == 1


class Desks:
    open = staticmethod(open_desk)


@pytest.fixture
def others(desk: Desk) -> Iterator[list[Peer]]:
    with peers(Desks, desk.folder, 2) as others:
        yield others


def test_of_processes_no_two_keep_it(desk: Desk, others: list[Peer]) -> None:
    for number in range(8):
        value = f"kim{number}@example.org"
        for at, peer in enumerate(others):
            command = RegisterPerson(name=f"Kim {at}", addresses=(mail(value),))
            peer.start("execute", command, actor=ANN)
        told = 0
        for peer in others:
            try:
                peer.answer()
            except Refused:
                told += 1
        assert len(have(desk, value)) == 2 - told, "who wasn't refused has it"
    assert desk.status().shared_addresses.number == 0


@pytest.fixture
def twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two persons who have one address, as older releases allowed."""
    with monkeypatch.context() as older:
        older.setattr("ticketlog.domain.parties.person._taken", lambda *_: None)
        older.setattr("ticketlog.application.executor.takes_address", lambda _: False)
        with open_desk(folder) as desk:
            return a_person(desk, "Kim", KIM), a_person(desk, "Kim L.", KIM)


def test_an_older_desk_says_who_shares_one(twice: tuple[str, str], desk: Desk) -> None:
    kim, old = twice
    desk.refresh()
    both = {"kind": "email", "persons": sorted(twice)}
    assert desk.status().shared_addresses.plain() == {"number": 1, "first": [both]}
    assert sorted(have(desk)) == sorted(twice)
    assert does(desk, old, AddAddress(kind="email", value=KIM)) == 0, "it is there"
    lee = a_person(desk, "Lee")
    assert "has that e-mail address" in refused(desk, lee, AddAddress(kind="email", value=KIM))
    does(desk, old, MergePerson(into=kim))
    desk.refresh()
    assert desk.status().shared_addresses.number == 0
    assert have(desk) == [kim]
    does(desk, old, UnmergePerson())
    desk.refresh()
    assert desk.status().shared_addresses.number == 1
    assert all(each.same for each in desk.views.verify(["persons"]))


def test_as_it_is_typed(
    twice: tuple[str, str], desk: Desk, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.VARIABLE, str(desk.folder))
    monkeypatch.setenv(ACTOR_VARIABLE, f"agent:{SUE.id}")
    desk.refresh()
    said = ask("status")
    one, other = sorted(twice)
    assert f"1 that several persons have: email of {one} and {other}" in " ".join(said.out.split())
    assert f"person merge {other} {one}" in said.out
    said = ask("person", "register", "Kim", "--address", "email:Kim@Example.org")
    assert (said.code, "belongs to one person" in said.err) == (1, True), said
    assert ask("person", "merge", other, one).code == 0
    desk.refresh()
    assert "several persons" not in ask("status").out


@pytest.mark.service
def test_of_two_desks_on_one_topic_no_two_keep_it(tmp_path: Path, kafka_url: str) -> None:
    """Each has an index and views of its own, which lag behind the other's commits."""
    with (
        init_desk(tmp_path / "a", log_url=kafka_url, admin=ANN) as a,
        init_desk(tmp_path / "b", log_url=kafka_url) as b,
    ):
        kim = a_person(a, "Kim", KIM)
        with pytest.raises(Refused, match=f"person {kim} has"):
            a_person(b, "Kim L.", KIM)
        for number in range(5):
            value, start = f"kim{number}@example.org", Barrier(2)

            def register(by: Desk) -> str | None:
                start.wait()  # noqa: B023
                with suppress(Refused):
                    return a_person(by, "Kim", value)  # noqa: B023
                return None

            with ThreadPoolExecutor(2) as pool:
                kept = [each for each in pool.map(register, (a, b)) if each]
            assert have(a, value) == have(b, value) == kept
            assert len(kept) < 2
        assert a.status().shared_addresses.number == 0


_WHO = st.integers(0, 3)
_ADDRESS = st.sampled_from(["a@example.org", "B@example.org", "b@example.org"])
_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _WHO, _ADDRESS),
        st.tuples(st.just("remove"), _WHO, _ADDRESS),
        st.tuples(st.just("merge"), _WHO, _WHO),
        st.tuples(st.just("unmerge"), _WHO, _WHO),
        st.tuples(st.just("register"), _WHO, _ADDRESS),
    ),
    max_size=25,
)


@settings(max_examples=10)
@given(_ACTS)
def test_whatever_is_done_an_address_is_one_human_s(acts: list[tuple[str, int, Any]]) -> None:
    with TemporaryDirectory() as folder, init_desk(Path(folder), admin=ANN) as desk:
        known = [a_person(desk, str(number)) for number in range(4)]
        for act, who, what in acts:
            commands: dict[str, Callable[[], Command]] = {
                "add": lambda: AddAddress(kind="email", value=what),  # noqa: B023
                "remove": lambda: RemoveAddress(kind="email", value=what),  # noqa: B023
                "merge": lambda: MergePerson(into=known[what]),  # noqa: B023
                "unmerge": UnmergePerson,
            }
            with suppress(Refused):
                if act == "register":
                    known[who] = a_person(desk, act, what)
                else:
                    does(desk, known[who], commands[act]())
        desk.refresh()
        assert desk.status().shared_addresses.plain() == {"number": 0, "first": []}
        for value in ("a@example.org", "b@example.org"):
            assert len(have(desk, value)) <= 1
