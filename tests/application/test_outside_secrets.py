"""given a place that settings name, when its secret is read, then it is what stands there, and
nothing outside the desk's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ticketlog.application.outside_secrets import outside_secret
from ticketlog.desk import init_desk
from ticketlog.domain.base import Actor, Invalid
from ticketlog.errors import Unfit

ANN = Actor("ann", "agent")
PROVIDER = """
[agents.ann]
roles = ["admin"]
[identity_providers.corp]
issuer = "https://id.example.com"
client_id = "desk"
rules = [{{ to = "person", registers = true }}]
secret = "{}"
"""
OUTSIDE = ["file:/etc/passwd", "file:~/key", "file:../key", "file:a/../../key"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("of another program")
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


def test_a_secret_is_read_from_a_variable_and_from_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM", " one\n")
    (folder / "crm").write_text("two\n")
    assert outside_secret("env:CRM", folder) == "one"
    assert outside_secret("file:crm", folder) == "two"


@pytest.mark.parametrize("place", ["env:NOT_SET", "file:missing", "file:empty", "file:bytes"])
def test_what_isnt_there_is_said_with_its_place(folder: Path, place: str) -> None:
    (folder / "empty").write_text(" ")
    (folder / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Unfit, match=place):
        outside_secret(place, folder)


@pytest.mark.parametrize("place", [*OUTSIDE[::2], "file:link"])
def test_no_file_outside_the_folder_is_read(folder: Path, place: str) -> None:
    (folder / "link").symlink_to(folder.parent / "key")
    with pytest.raises(Unfit, match="outside the desk's folder"):
        outside_secret(place, folder)


@pytest.mark.parametrize("place", OUTSIDE)
def test_an_identity_provider_names_no_file_outside_the_folder(tmp_path: Path, place: str) -> None:
    """An admin could have the desk send any file of its machine to an address of theirs."""
    with init_desk(tmp_path / "new", admin=ANN) as desk, pytest.raises(Invalid, match="leaves"):
        desk.settings_apply(PROVIDER.format(place), actor=ANN)
