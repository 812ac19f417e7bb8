from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.events.identity.source_ids import slug
from ingestion.events.model import SOURCE_ID_PATTERN


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("/my/context", "my-context"),
        ("https://example.com/a?b=c", "https:-example.com-a-b-c"),
        ("cpu:server 01", "cpu:server-01"),
        ("Küche", "K-che"),
        ("..a..", "a"),
    ],
)
def test_what_people_can_read_of_a_name_stays(text: str, readable: str) -> None:
    assert slug(text).rpartition("-")[0] == readable


def test_a_name_that_nobody_can_read_is_its_hash_alone() -> None:
    assert slug("🍭") == slug("🍭")
    assert len(slug("🍭")) == len(slug("")) == 10
    assert slug("🍭") != slug("🚀")


def test_names_that_read_alike_are_told_apart_by_the_whole_name() -> None:
    assert slug("a/b") != slug("a-b")
    assert slug("a:b", of="one") != slug("a:b", of="another")
    assert slug("a:b", of="a:b") == slug("a:b")


def test_a_slug_does_not_change_from_one_release_to_the_next() -> None:
    assert slug("cpu:server 01") == "cpu:server-01-b68bbc0d74"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_slug_is_a_source_id(text: str) -> None:
    assert SOURCE_ID_PATTERN.fullmatch(slug(text))
    assert slug(text) == slug(text)
