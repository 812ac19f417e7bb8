"""Rows that are packed together are those that are packed one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processing.events.entries import Entry
from processing.stores import copy_encoder
from processing.tests.factories import NOON, make_entry, make_sent


def _entry(number: int, source: str, place: tuple[int, int, int], hashed: int, payload: dict[str, object]) -> Entry:
    entry = make_entry(make_sent(number, source=source, ts=NOON + number, payload=payload), place=place)
    entry.hash, entry.received = hashed, NOON + 2 * number
    return entry


ENTRIES = st.builds(
    _entry,
    st.integers(1, 1_000),
    st.sampled_from(["a", "b", "sensor-ä"]),
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 9)),
    st.integers(-(2**63), 2**63 - 1),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
)


@given(st.lists(ENTRIES, max_size=12), st.booleans())
def test_many_rows_are_each_row_after_the_other(entries: list[Entry], cut: bool) -> None:
    def packed(some: list[Entry]) -> bytes:
        data = copy_encoder.events(some, stored=NOON + 7, topic=3, cut=cut)
        assert data.startswith(copy_encoder.HEADER)
        assert data.endswith(copy_encoder.TRAILER)
        return data[len(copy_encoder.HEADER) : -len(copy_encoder.TRAILER)]

    assert packed(entries) == b"".join(packed([entry]) for entry in entries)
