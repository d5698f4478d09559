"""A conversation is read where it stands: joined, parted, split, paged, as of any moment, and only
by those who took part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.helpdesk import ANN
from tests.joining import Joined
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import NotFound
from ticketlog.domain.ticket.conversation import Note, Redact
from ticketlog.domain.ticket.relations import AddCc
from ticketlog.domain.ticket.work import StartWork, StopWork
from ticketlog.errors import Usage


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    helpdesk.make(tmp_path / "desk")
    with open_desk(tmp_path / "desk") as desk:
        yield desk


@pytest.fixture
def two(desk: Desk) -> Joined:
    """KIM's ticket a and LEE's ticket b."""
    joined = Joined(desk)
    joined.opens("a", by="Kim", says="amber")
    joined.opens("b", by="Lee", says="beryl")
    return joined


class TestMerged:
    def test_both_are_read_in_one_in_the_order_of_the_clock(self, two: Joined) -> None:
        two.says("b", "Lee", "coral")
        two.says("a", "Kim", "damson")
        two.merge("a", "b")
        two.says("b", "ann", "ebony")
        assert two.read("b") == ["a:amber", "b:beryl", "b:coral", "a:damson", "b:ebony"]
        assert two.read("b", own=True) == ["b:beryl", "b:coral", "b:ebony"]
        assert two.read("a") == ["a:amber", "a:damson"]

    def test_as_of_before_there_are_two(self, two: Joined) -> None:
        cut = two.desk.cut()
        two.merge("a", "b")
        past = two.desk.at(position=cut)
        assert two.read("b", source=past) == ["b:beryl"]
        assert two.read("a", source=past) == ["a:amber"]
        then = two.desk.at(position=two.desk.cut())
        assert two.read("b", source=then) == ["a:amber", "b:beryl"]

    def test_apart_again_each_has_its_own(self, two: Joined) -> None:
        two.merge("a", "b")
        two.says("a", "Kim", "late")
        two.says("b", "ann", "answer")
        assert two.read("b") == ["a:amber", "b:beryl", "a:late", "b:answer"]
        two.unmerge("a")
        assert two.read("a") == ["a:amber", "a:late"]
        assert two.read("b") == ["b:beryl", "-> a", "b:answer"]

    def test_a_chain_is_read_whole_and_comes_apart_whole(self, two: Joined) -> None:
        two.opens("c", by="Kim", says="copper")
        two.merge("a", "b")
        two.merge("b", "c")
        two.says("a", "Kim", "late")
        assert two.read("c") == ["a:amber", "b:beryl", "c:copper", "a:late"]
        two.unmerge("b")
        assert two.read("b") == ["a:amber", "b:beryl", "a:late"]
        assert two.read("c") == ["c:copper", "-> a"]
        two.unmerge("a")
        assert two.read("a") == ["a:amber", "a:late"]
        assert two.read("b") == ["b:beryl"]

    def test_files_work_and_history_likewise(self, two: Joined) -> None:
        desk = two.desk
        made = desk.attach_file(two.id("a"), b"bytes", actor=two.who("Kim"), name="a.txt")
        for step in (StartWork(), StopWork(seconds=40)):
            desk.execute(step, on=two.id("a"), actor=ANN)
        two.merge("a", "b")
        document = two.show("b")
        assert [each["name"] for each in document["attachments"]] == ["a.txt"]
        assert [each["origin"] for each in document["attachments"]] == [two.id("a")]
        assert (document["seconds_spent"], two.show("a")["seconds_spent"]) == (40, 40)
        assert two.show("b", own=True)["attachments"] == []
        facts, content = desk.attachment(two.id("b"), made.events[0].id, actor=ANN)
        with content:
            assert (facts.name, content.read()) == ("a.txt", b"bytes")
        assert two.streams_of_history("b") == {"a", "b"}
        assert two.streams_of_history("b", own=True) == {"b"}

    def test_what_is_redacted_is_so_in_every_ticket(self, two: Joined) -> None:
        comment = two.says("a", "Kim", "password")
        cut = two.desk.cut()
        two.merge("a", "b")
        two.desk.execute(Redact(target=comment, reason="a secret"), on=two.id("a"), actor=ANN)
        assert two.read("b") == ["a:amber", "b:beryl", "a:[redacted]"]
        assert two.read("a", source=two.desk.at(position=cut)) == ["a:amber", "a:[redacted]"]


class TestSplit:
    def test_it_is_read_in_the_new_one_and_a_line_stays(self, two: Joined) -> None:
        said = two.says("a", "Kim", "toner")
        two.says("a", "ann", "well")
        two.split("a", said, new="n")
        assert two.read("n") == ["a:toner"]
        assert two.read("a") == ["a:amber", "-> n", "a:well"]

    def test_merged_back_both_are_as_before(self, two: Joined) -> None:
        said = two.says("a", "Kim", "toner")
        two.says("a", "ann", "well")
        before = two.read("a")
        two.split("a", said, new="n")
        two.merge("n", "a")
        assert two.read("a") == before
        two.unmerge("n")
        assert two.read("a") == ["a:amber", "-> n", "a:well"]
        two.merge("a", "n")
        assert two.read("n") == before

    def test_as_of_before_it_there_is_no_line(self, two: Joined) -> None:
        said = two.says("a", "Kim", "toner")
        past = two.desk.at(position=two.desk.cut())
        two.split("a", said, new="n")
        assert two.read("a", source=past) == ["a:amber", "a:toner"]


class TestAudience:
    """KIM asks a, LEE asks b, a is merged into b."""

    @pytest.fixture
    def merged(self, two: Joined) -> Joined:
        two.says("a", "ann", "to-kim")
        two.says("b", "ann", "to-lee")
        two.merge("a", "b")
        two.says("b", "ann", "to-both")
        two.says("a", "Kim", "kim-late")
        two.says("b", "Lee", "lee-late")
        two.desk.execute(Note(body="between us"), on=two.id("b"), actor=ANN)
        return two

    def test_agents_read_all(self, merged: Joined) -> None:
        assert merged.read("b", by="ann") == [
            *("a:amber", "b:beryl", "a:to-kim", "b:to-lee"),
            *("b:to-both", "a:kim-late", "b:lee-late", "b:between us"),
        ]

    def test_each_reads_their_own_and_what_was_answered_since(self, merged: Joined) -> None:
        assert merged.read("b", by="Lee") == ["b:beryl", "b:to-lee", "b:to-both", "b:lee-late"]
        assert merged.read("a", by="Kim") == ["a:amber", "a:to-kim", "b:to-both", "a:kim-late"]

    def test_another_requesters_ticket_isnt_there(self, merged: Joined) -> None:
        for ticket, who in (("b", "Kim"), ("a", "Lee")):
            with pytest.raises(NotFound):
                merged.read(ticket, by=who)

    def test_who_takes_part_in_both_reads_both(self, merged: Joined) -> None:
        desk = merged.desk
        moe = merged.who("Moe")
        for name in ("a", "b"):
            merged.unmerge("a") if name == "a" else None
            desk.execute(AddCc(person=moe.id), on=merged.id(name), actor=ANN)
        merged.merge("a", "b")
        assert "a:amber" in merged.read("b", by="Moe")
        assert "b:beryl" in merged.read("b", by="Moe")

    def test_apart_again_nobody_reads_more(self, merged: Joined) -> None:
        merged.unmerge("a")
        assert merged.read("b", by="Lee") == ["b:beryl", "b:to-lee", "b:to-both", "b:lee-late"]
        assert merged.read("a", by="Kim") == ["a:amber", "a:to-kim", "a:kim-late"]

    def test_what_was_split_off_for_another_requester_stays_unread(self, two: Joined) -> None:
        kims = two.says("a", "Kim", "secret")
        lees = two.says("a", "Lee", "mine", cc=True)
        two.split("a", kims, lees, new="n", requester="Lee")
        assert two.read("n", by="ann") == ["a:secret", "a:mine"]
        assert two.read("n", by="Lee") == ["a:secret", "a:mine"]  # in copy of a, too
        other = two.says("a", "Kim", "more")
        two.split("a", other, new="m", requester="Moe")
        assert two.read("m", by="Moe") == []


class TestPages:
    def test_each_comment_once(self, two: Joined) -> None:
        for number in range(7):
            two.says("ab"[number % 2], "ann", f"word{number}")
        two.merge("a", "b")
        whole = two.read("b")
        found: list[str] = []
        after = None
        while True:
            page = two.desk.conversation(two.id("b"), after=after, limit=2)
            found += [two.told(each.plain()) for each in page.comments]
            assert len(page.comments) <= 2
            if page.next is None:
                break
            after = page.next
        assert found == whole

    def test_what_isnt_among_them_is_refused(self, two: Joined) -> None:
        with pytest.raises(Usage, match="no comment in the conversation"):
            two.desk.conversation(two.id("b"), after="x.0")
        for limit in (0, 1_001):
            with pytest.raises(Usage, match="1 to 1,000"):
                two.desk.conversation(two.id("b"), limit=limit)

    def test_the_page_is_what_show_tells(self, two: Joined) -> None:
        two.says("a", "Kim", "more")
        two.merge("a", "b")
        page = two.desk.conversation(two.id("b"), limit=100).plain()["comments"]
        shown: list[dict[str, Any]] = two.show("b")["comments"]
        assert [each for each in page if each["body"] != "beryl"] == shown
