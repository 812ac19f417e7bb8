"""The ids of a batch, which are made together, are those that are made one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestion.events.identity.event_ids import WORTH_COLUMNS, derived_id, derived_ids, is_canonical

events = st.lists(st.tuples(st.binary(max_size=80), st.integers(0, 2**47 * 1_000)), max_size=3 * WORTH_COLUMNS)


@given(events)
def test_the_ids_of_a_batch_are_those_of_its_events(batch: list[tuple[bytes, int]]) -> None:
    contents, times = [content for content, _ in batch], [ts for _, ts in batch]

    ids = derived_ids(contents, times)

    assert ids == [derived_id(content, ts) for content, ts in batch]
    assert all(map(is_canonical, ids))
