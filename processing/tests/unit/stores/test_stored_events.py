"""Documents read by columns are the events that they are when read one by one."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.events.identity.content_hash import content_hash
from processing.events.entries import Entries
from processing.recovery.recount.readers import event_of_document
from processing.stores.mongodb.document_store import as_documents
from processing.stores.mongodb.stored_events import events_of
from processing.tests.factories import NOON, make_entry, make_sent

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
)  # fmt: skip
PLAIN = {type(None), bool, int, float, str, list, dict}
names = st.sampled_from(["a", "$ref", "$id", "ü"])
payloads = st.dictionaries(
    names, scalars | st.lists(scalars, max_size=3) | st.dictionaries(names, scalars, max_size=3), max_size=3
)


def stored(*sent: dict[str, object]) -> list[dict[str, Any]]:
    """Documents as MongoDB gives them back."""
    entries = Entries.of(make_entry(make_sent(number, payload=payload)) for number, payload in enumerate(sent))
    return [bson.decode(bson.encode(document)) for document in as_documents(entries, b"t" * 16)]


@given(st.lists(payloads, min_size=1, max_size=5))
def test_events_by_columns_are_those_that_are_read_one_by_one(sent: list[dict[str, object]]) -> None:
    documents = stored(*sent)

    events, damaged = events_of(documents)

    assert damaged == 0
    assert list(events) == [event_of_document(document) for document in documents]
    assert events.values == sent
    assert {type(values) for values in events.values} == {dict}
    assert {type(value) for values in events.values for value in values.values()} <= PLAIN


def test_an_event_without_a_time_of_its_own_is_known_as_one() -> None:
    [document] = stored({"a": 1})
    document["hash"] = content_hash(None, {"a": 1})

    events, damaged = events_of([document])

    assert (events.timed, damaged) == ([False], 0)


@pytest.mark.parametrize(
    "damage",
    [
        {"_id": b"x" * 24}, {"_id": b"x"}, {"source": "other"}, {"source": None}, {"payload": {"a": 2}}, {"payload": 5},
        {"payload": {"a": NOON, "b": bson.ObjectId(b"x" * 12)}}, {"ts_us": NOON + 1}, {"ts_us": "x"}, {"hash": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_document_has_no_event_and_spoils_no_other(damage: dict[str, Any]) -> None:
    first, second = stored({"a": 1}, {"a": 1.5})

    events, damaged = events_of([{**first, **damage}, second])

    assert (len(events), damaged) == (1, 1)
    assert events.values == [{"a": 1.5}]


def test_no_documents_are_no_events() -> None:
    events, damaged = events_of([])

    assert (len(events), damaged) == (0, 0)
