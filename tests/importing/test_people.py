"""Who the people of a file are: the same ids whenever they are derived, and nothing to be read in
them."""

from __future__ import annotations

import pytest

from ticketlog.importing.people import person_id

SECRET = b"a secret of the log"


def test_an_address_is_the_same_person_in_every_source_however_it_is_written() -> None:
    kim = person_id("snow", "address", "kim@example.org", SECRET)
    assert kim == person_id("jira", "address", " Kim@Example.ORG ", SECRET)
    assert kim != person_id("snow", "address", "lee@example.org", SECRET)


@pytest.mark.parametrize("how", ["name", "id"])
def test_a_name_or_an_id_is_somebody_of_its_source_alone(how: str) -> None:
    ids = {person_id(source, how, "5", SECRET) for source in ("snow", "jira")}  # type: ignore[arg-type]
    assert len(ids) == 2


def test_a_name_is_not_an_address_or_an_id() -> None:
    assert len({person_id("s", how, "kim", SECRET) for how in ("name", "address", "id")}) == 3


def test_names_count_without_case_and_white_space_and_ids_as_they_are() -> None:
    assert person_id("s", "name", "Kim  Lee") == person_id("s", "name", "kim lee")
    assert person_id("s", "id", "aB") != person_id("s", "id", "Ab")


def test_without_the_secret_nobody_derives_the_id() -> None:
    assert person_id("s", "address", "kim@example.org", SECRET) != person_id(
        "s", "address", "kim@example.org"
    )
