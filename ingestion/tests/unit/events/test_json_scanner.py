"""The scanner for deep nests against Python's own parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.events import json_scanner
from ingestion.events.json_scanner import DEEP, ItemTooLarge, NotJson

_blank = st.sampled_from(["", " ", "\n\t"])
_plain = st.sampled_from(["1", "-0.5e1", "01", '""', '"a\\u0041"', '"\\x"', "true", "null", "nul", ""])


def _joined(parts: list[str], blank: str, brackets: str) -> str:
    return brackets[0] + blank + f"{blank},".join(parts) + blank + brackets[1]


_texts = st.recursive(
    _plain,
    lambda inner: (
        st.builds(_joined, st.lists(inner, max_size=3), _blank, st.just("[]"))
        | st.builds(
            _joined,
            st.lists(st.builds('"{}"{}:{}'.format, st.text("ab", max_size=1), _blank, inner), max_size=3),
            _blank,
            st.just("{}"),
        )
        | st.builds("{}{}".format, inner, st.sampled_from(["", "]", "}", ",", ":", '"']))
    ),
    max_leaves=12,
)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@given(_texts)
@settings(max_examples=150, deadline=None)
def test_the_scanner_takes_what_another_parser_takes(text: str) -> None:
    try:
        json_scanner.check(text.encode())
        found = True
    except NotJson:
        found = False

    assert found == is_json(text)
    if found and text.lstrip().startswith("["):
        items = json_scanner.items(text.encode(), limit=1_000, largest=1_000)
        assert [json.loads(item or b"") for item in items] == json.loads(text)


def test_items_of_too_many_levels_have_no_text() -> None:
    deep = b"[" * (DEEP + 1) + b"]" * (DEEP + 1)

    assert json_scanner.items(b"[1, " + deep + b', {"a":1} ]', limit=10, largest=10_000) == [b"1", None, b'{"a":1}']


@pytest.mark.parametrize("inside", [b"[" * 200, b'{"":' * 50, b"[" + b"1," * 100])
def test_an_item_above_the_limit_ends_the_scan(inside: bytes) -> None:
    with pytest.raises(ItemTooLarge):
        json_scanner.items(b"[1," + b" " * 500 + inside, limit=10, largest=150)


def test_the_scan_stops_behind_the_last_item_of_the_limit() -> None:
    assert len(json_scanner.items(b"[" + b"1," * 50 + b"!", limit=20, largest=100)) == 21
