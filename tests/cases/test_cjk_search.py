"""Words inside Chinese, Japanese, Korean and Thai texts are found, as the command line asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.said import Run

SUBJECTS = (
    *("パスワードを忘れました", "王經理的打印機壞了", "프린터가 고장났습니다", "ไฟล์เปิดไม่ได้"),
    *("deploy failed", "Ｆｕｌｌ ＶＰＮ"),
)
WORDS = {
    "パスワード": 0,
    "忘れました": 0,
    "打印機": 1,
    "王經理": 1,
    "프린터": 2,
    "고장": 2,
    "เปิด": 3,
    "DEPLOY": 4,
    "full vpn": 5,
    "ｖｐｎ": 5,
    '"打印機壞了"': 1,
    "파일 OR 프린터": 2,
}


def test_each_word_is_found_once(ask: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETLOG_DESK", str(folder))
    monkeypatch.setenv("TICKETLOG_ACTOR", "agent:ann")
    tickets = []
    for subject in SUBJECTS:
        tickets.append(
            ask("ticket", "create", subject, "--json").document["stream"].removeprefix("ticket/")
        )
    for word, number in WORDS.items():
        found = ask("search", "--json", "--", word).document["found"]
        assert [(each["ticket"], each["kind"]) for each in found] == [(tickets[number], "subject")]
        assert found[0]["snippet"].replace("[", "").replace("]", "") == SUBJECTS[number]
