"""Words of every script are found, by an index that is asked as the view asks it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import pysqlite3.dbapi2 as sqlite
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import BOB, KIM, SUE
from tests.projections.world import World
from ticketlog.domain.ticket.classification import SetSubject
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.dialects.sqlite import expression
from ticketlog.projections.engine.words import asked, snippet, words
from ticketlog.projections.views.search import VIEW, Search

TEXTS = {
    "JA": "パスワードを忘れました",
    "TW": "王經理的打印機壞了",
    "KO": "프린터가 고장났습니다",
    "TH": "ไฟล์เปิดไม่ได้",
    "LO": "ບໍ່ສາມາດເປີດໄຟລ໌ໄດ້",
    "KM": "មិនអាចបើកឯកសារបានទេ",
    "MY": "ဖိုင်ကိုဖွင့်၍မရပါ",
    "HI": "पासवर्ड हिन्दी में भूल गया",
    "AR": "نَسِيتُ كلمة المرور",
    "HE": "שָׁלוֹם מדפסת",
    "EL": "Ξέχασα τον κωδικό ΟΔΟΣ",
    "RU": "Принтер сломался",
    "EN": "deploy failed 🚀 on the cafe server",
    "FW": "Ｆｕｌｌ ＶＰＮ １２３４５",
    "DE": "Der Drücker in der Langen Straße, Zusammenbau",
    "LI": "o\ufb03ce \ufb01le ㎏ №7",
    "HW": "ﾊﾟｽﾜｰﾄﾞ 期限切れ",
    "MX": "接続VPN切断 Outlook連携エラー",
    "NO": "see INC0012345 and #0077001, RITM-0010001, kim@example.org",
    "TR": "İstanbul şubesi ılık",
}


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    for id, text in TEXTS.items():
        world.do(f"ticket/{id}", CreateTicket(subject=text, requester="KIM"), KIM)
    return world


def found(world: World, query: str, **given: object) -> list[str]:
    return [row["ticket"] for row in world.ask(Search, words=query, **given)]


@pytest.mark.parametrize(
    ("query", "tickets"),
    [
        ("パスワード", ["JA", "HW"]),
        ("ﾊﾟｽﾜｰﾄﾞ", ["JA", "HW"]),
        ("忘れました", ["JA"]),
        ("忘", ["JA"]),
        ("た", ["JA"]),
        ("打印機", ["TW"]),
        ("王經理", ["TW"]),
        ("了", ["TW"]),
        ("機打", []),
        ("打機", []),
        ("프린터", ["KO"]),
        ("고장", ["KO"]),
        ('"프린터가 고장"', ["KO"]),
        ('"고장 프린터가"', []),
        ("เปิด", ["TH"]),
        ("ไฟล์", ["TH"]),
        ("ເປີດ", ["LO"]),
        ("ឯកសារ", ["KM"]),
        ("ဖွင့်", ["MY"]),
        ("हिन्दी", ["HI"]),
        ("हन", []),
        ("نسيت", ["AR"]),
        ("المرور", ["AR"]),
        ("שלום", ["HE"]),
        ("οδος", ["EL"]),
        ("ΚΩΔΙΚΌ", ["EL"]),
        ("принтер", ["RU"]),
        ("🚀", ["EN"]),
        ("deploy 🚀", ["EN"]),
        ('"deploy failed 🚀"', ["EN"]),
        ('"failed on the"', ["EN"]),
        ("💥", []),
        ("café", ["EN"]),
        ("full vpn", ["FW"]),
        ("12345", ["FW", "NO"]),
        ("ｖｐｎ", ["MX", "FW"]),
        ("strasse", ["DE"]),
        ("STRASSE", ["DE"]),
        ("straße", ["DE"]),
        ("STRAẞE", ["DE"]),
        ('"langen strasse"', ["DE"]),
        ("drucker", ["DE"]),
        ("zusammenbau", ["DE"]),
        ("office", ["LI"]),
        ("file kg", ["LI"]),
        ("接続vpn", ["MX"]),
        ('"vpn 切断"', ["MX"]),
        ("outlook連携", ["MX"]),
        ("連携エラー", ["MX"]),
        ("エラ*", ["MX"]),
        ("INC0012345", ["NO"]),
        ("inc0012345", ["NO"]),
        ("0012345", ["NO"]),
        ("00123*", ["NO"]),
        ("77001", ["NO"]),
        ("INC-0012345", ["NO"]),
        ("RITM0010001", ["NO"]),
        ("10001", ["NO"]),
        ("kim@example.org", ["NO"]),
        ("example.org", ["NO"]),
        ("istanbul", ["TR"]),
        ("ISTANBUL", ["TR"]),
    ],
)
def test_what_is_found(world: World, query: str, tickets: list[str]) -> None:
    assert sorted(found(world, query)) == sorted(tickets)


@pytest.mark.parametrize(
    ("query", "tickets"),
    [
        ("打印機 OR 프린터", ["TW", "KO"]),
        ("パスワード -忘れ", ["HW"]),
        ("パスワード NOT 期限", ["JA"]),
        ("vpn -接続", ["FW"]),
        ("打印機 AND 王", ["TW"]),
        ("subject:打印機", ["TW"]),
        ("comment:打印機", []),
        ("-打印機", []),
        ("OR 打印機 OR", ["TW"]),
        ("打印機 or 프린터", []),
        ('-"full vpn" vpn', ["MX"]),
        ('"打印機" 壞*', ["TW"]),
    ],
)
def test_operators_work_in_every_script(world: World, query: str, tickets: list[str]) -> None:
    assert sorted(found(world, query)) == sorted(tickets)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("打印機", "王經理的[打印機]壞了"),
        ("full", "[Ｆｕｌｌ] ＶＰＮ １２３４５"),
        ("strasse drucker", "Der [Drücker] in der Langen [Straße], Zusammenbau"),
        ("パスワード 期限", "[ﾊﾟｽﾜｰﾄﾞ] [期限]切れ"),
        ("12345", "see INC00[12345] and #0077001, RITM-0010001, kim@example.org"),
        ("🚀", "deploy failed [🚀] on the cafe server"),
        ("เปิด", "ไฟล์[เปิด]ไม่ได้"),
        ("vpn", "接続[VPN]切断 Outlook連携エラー"),
        ("outl* -full", "接続VPN切断 [Outlook]連携エラー"),
    ],
)
def test_snippets_are_as_it_was_written(world: World, query: str, text: str) -> None:
    rows = world.ask(Search, words=query)
    assert text.replace("00[12345]", "[0012345]") in [row["snippet"] for row in rows]


def test_a_snippet_of_a_long_text_is_what_surrounds_the_words_found() -> None:
    text = "word " * 100 + "before the needle, and after it " + "word " * 100
    shown = snippet(text, asked("needle"))
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "before the [needle], and after it" in shown
    assert len(shown) < 120
    shown = snippet("壞了" * 100 + "打印機" + "壞了" * 100, asked("打印"))
    assert "[打印]機" in shown
    assert len(shown) < 70
    assert len(snippet("x" * 5_000, asked("y"))) < 500


def test_the_words_that_are_rarer_come_first() -> None:
    world = World()
    for id, subject in {"A": "打印機", "B": "打印機 打印機", "C": "打印" + "長文" * 60}.items():
        world.do(f"ticket/{id}", CreateTicket(subject=subject, requester="KIM"), KIM)
    assert found(world, "打印") == ["B", "A", "C"]


def test_a_ticket_is_found_by_its_id_and_by_numbers_from_elsewhere() -> None:
    world = World()
    elsewhere = ("servicenow:INC0012345", "JIRA-77")
    first = CreateTicket(subject="mail 7QK2M9", requester="KIM", external=elsewhere)
    world.do("ticket/7QK2M9ABCD4F", first, KIM)
    world.do("ticket/0123456789AB", CreateTicket(subject="7QK2M9 too", requester="KIM"), KIM)
    assert found(world, "7QK2M9ABCD4F") == ["7QK2M9ABCD4F"]
    assert found(world, "7qk2") == ["7QK2M9ABCD4F"]
    assert found(world, "7QK2M9") == ["7QK2M9ABCD4F", "0123456789AB"]
    assert found(world, "7QK2M9", ticket="0123456789AB") == ["0123456789AB"]
    assert found(world, "7QK2M9", skip=1) == ["0123456789AB"]
    for query in (
        *("INC0012345", "0012345", "12345", "servicenow:INC0012345", "servicenow", "jira-77"),
        *("number:12345", "jira77", "INC0012*"),
    ):
        (row,) = world.ask(Search, words=query, public_only=True)
        assert (row["ticket"], row["kind"]) == ("7QK2M9ABCD4F", "number")
    assert found(world, "subject:12345") == []


@pytest.mark.parametrize("text", ["打印機壞了 🚀", "code INC0012345", "Straße"])
def test_what_was_redacted_is_gone_from_the_index_too(text: str) -> None:
    world = World((VIEW,))
    world.do("ticket/A", CreateTicket(subject="其他 something", requester="KIM"), KIM)
    world.do("ticket/A", Note(body="壞"))
    world.ask(Search, words="x")
    before = terms(world)
    slip = world.do("ticket/A", Note(body=text))
    world.ask(Search, words="x")
    assert terms(world) > before
    world.do("ticket/A", Redact(target=f"{slip}.0", reason="slip"), SUE)
    assert world.ask(Search, words="x") == []
    assert terms(world) == before
    assert all(each.same for each in world.verified())


def test_a_changed_subject_leaves_no_words_behind() -> None:
    world = World((VIEW,))
    world.do("ticket/A", CreateTicket(subject="plain", requester="KIM"), KIM)
    world.ask(Search, words="x")
    before = terms(world)
    for subject in ("打印機", "INC0012345 ß", "plain words", "ﬁ 🚀", "plain"):
        world.do("ticket/A", SetSubject(subject=subject))
        world.ask(Search, words="x")
    assert terms(world) == before
    assert all(each.same for each in world.verified())


def terms(world: World) -> set[str]:
    """What stands in the index itself."""
    with storage.writing(world.engine) as connection:
        build = build_store.live(connection, VIEW)
        assert build is not None
        VIEW.check(connection, build.tables)
        index = f"{build.tables['texts'].name}_words"
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, {index}, row)"
        )
        found = {row[0] for row in connection.exec_driver_sql("SELECT term FROM temp.v")}
        connection.exec_driver_sql("DROP TABLE temp.v")
        return found


def test_live_and_rebuilt_are_the_same() -> None:
    live, rebuilt = World((VIEW,)), World((VIEW,))
    for world in (live, rebuilt):
        for id, text in TEXTS.items():
            world.do(f"ticket/{id}", CreateTicket(subject=text, requester="KIM"), KIM)
            if world is live:
                world.ask(Search, words="x")
            world.do(f"ticket/{id}", Reply(body=text[::-1]), BOB)
    assert live.digests() == rebuilt.digests()
    for text in TEXTS.values():
        assert live.ask(Search, words=text) == rebuilt.ask(Search, words=text)


class Index:
    """The words of single texts, as unicode61 takes them."""

    def __init__(self) -> None:
        self._connection = sqlite.connect(":memory:")
        tokenize = "unicode61 remove_diacritics 2 categories ''L* N* M* Co''"
        self._connection.execute(f"CREATE VIRTUAL TABLE f USING fts5(b, tokenize = '{tokenize}')")
        self._connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(f, 'instance')")

    def terms(self, texts: Sequence[str]) -> list[list[str]]:
        self._connection.execute("DELETE FROM f")
        rows = list(enumerate(texts, 1))
        self._connection.executemany("INSERT INTO f (rowid, b) VALUES (?, ?)", rows)
        out: list[list[str]] = [[] for _ in texts]
        query = "SELECT doc, term FROM v ORDER BY doc, offset"
        for doc, term in self._connection.execute(query):
            out[doc - 1].append(term)
        return out


def characters() -> Iterator[str]:
    """All that Unicode has, but surrogates and what is for private use."""
    for number in range(1, 0x40000):
        if unicodedata.category(chr(number)) not in ("Cs", "Co", "Cn"):
            yield chr(number)


def test_what_is_indexed_as_it_stands_is_what_its_folded_form_would_be() -> None:
    """Each character, in the midst of a word and alone, in a text that has to be folded and in one
    that hasn't."""
    plain = [char for char in characters() if words(f"a{char}b") is None]
    index = Index()
    asis = index.terms([f"a{char}b {char}" for char in plain])
    folded = index.terms([(words(f"a{char}b {char} ①") or "").removesuffix("1") for char in plain])
    assert [c for c, one, two in zip(plain, asis, folded, strict=True) if one != two] == []
    assert len(plain) > 1_000


def test_every_letter_of_every_script_is_a_word_or_a_part_of_one() -> None:
    letters = [char for char in characters() if unicodedata.category(char)[0] == "L"]
    index = Index()
    shown = index.terms([words(char) or char for char in letters])
    assert [c for c, terms in zip(letters, shown, strict=True) if not terms and c != "ـ"] == []


RUNS = "打印機壞了王パスワード忘れました프린터고장ไฟล์เปิดကခဂកខគ"


@given(
    text=st.text(RUNS + " aß1é,", min_size=1, max_size=12),
    start=st.integers(0, 11),
    size=st.integers(1, 6),
)
def test_any_part_of_a_run_is_found(text: str, start: int, size: int) -> None:
    part = text[start : start + size]
    if not part or not set(part) <= set(RUNS):
        return
    index = sqlite.connect(":memory:")
    tokenize = "unicode61 remove_diacritics 2 categories ''L* N* M* Co''"
    index.execute(f"CREATE VIRTUAL TABLE f USING fts5(body, parts, tokenize = '{tokenize}')")
    index.execute("INSERT INTO f (body) VALUES (?)", (words(text) or text,))
    query = "SELECT count(*) FROM f WHERE f MATCH ?"
    assert index.execute(query, (expression(asked(part)),)).fetchone() == (1,)
    assert "[" in snippet(text, asked(part))


@given(st.text(max_size=40), st.text(max_size=60))
def test_no_query_is_an_error_and_a_snippet_leaves_the_text_as_it_is(query: str, text: str) -> None:
    index = sqlite.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE f USING fts5(body, parts)")
    if wanted := expression(asked(query)):
        index.execute("SELECT count(*) FROM f WHERE f MATCH ?", (wanted,)).fetchone()
    shown = snippet(text, asked(query))
    if "[" not in text and "]" not in text:
        assert shown.replace("[", "").replace("]", "").strip("…") in text


def test_a_text_that_was_pasted_is_no_error(world: World) -> None:
    assert found(world, "words " * 5_000) == []
    assert found(world, "打" * 5_000) == []
    assert found(world, '"' + "x " * 5_000 + '"') == []
    assert found(world, " OR ".join(["zzz"] * 500) + " OR 打印機") == []


def test_what_older_texts_hold_unseen_is_left_out() -> None:
    """Soft hyphens, joiners, variants of emoji; a place where a line may end within a run."""
    assert words("Zusam\u00admenbau\u200b, e\u0301\ufe0f") == "zusammenbau\u200b, é"
    assert words("打印\u200b機\r\n壞") == words(" 打印機壞 ".strip())
