"""/api/events/<id>/: row, origin, raw document."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from queries.tests.stored import NOON, TOPIC_ID, get, make_event, refused, store, store_document

pytestmark = pytest.mark.services


def timed_id() -> UUID:
    """An id that begins with the milliseconds of NOON, as derived ones do."""
    milliseconds = int(NOON.timestamp() * 1_000)
    return UUID(int=(milliseconds << 80) | (0x8 << 76) | (0x2 << 62) | (uuid4().int & (2**62 - 1)))


def test_an_event_is_shown_with_its_origin_and_its_document(site: Deployment) -> None:
    # A key that mongoengine would take for a class of its own.
    event = make_event(payload={"_cls": "EventDocument", "big": 9007199254740993, "t": 1.5}, offset=41)
    store(event)
    store_document(event)

    shown = get(f"/api/events/{event.id}/")

    assert shown["payload"] == event.payload
    assert shown["origin"] == {"topic": site.raw_topic, "partition": 3, "offset": 41, "line": 2}
    assert shown["documentState"] == "found"
    assert shown["document"] == {
        "id": (event.id.bytes.hex() + shown["document"]["id"][32:]),
        "eventId": str(event.id),
        "sourceId": "sensor-1",
        "timestamp": "2009-04-11T12:00:00Z",
        "receivedAt": "2009-04-11T12:00:00Z",
        "payload": event.payload,
        "attributes": {},
        "contentHash": "fffffffffffffffb",
        "origin": {"topicId": str(TOPIC_ID), "partition": 3, "offset": 41, "line": 2},
    }


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("event_id", [timed_id(), uuid4()])
def test_an_event_without_a_document_is_found_all_the_same(event_id: UUID) -> None:
    store(make_event(event_id=event_id))

    shown = get(f"/api/events/{str(event_id).upper()}/")

    assert (shown["eventId"], shown["document"], shown["documentState"]) == (str(event_id), None, "absent")


@pytest.mark.usefixtures("site")
def test_the_same_id_under_several_sources_is_a_conflict_that_names_them() -> None:
    events = [make_event(source, event_id=UUID(int=5)) for source in ("b", "a", "c")]
    store(*events)
    for event in events:
        store_document(event)

    status, problem = refused(f"/api/events/{UUID(int=5)}/")
    narrowed = get(f"/api/events/{UUID(int=5)}/?source_id=b")

    assert (status, problem["code"], problem["sources"]) == (409, "ambiguous_event", ["a", "b", "c"])
    assert (narrowed["sourceId"], narrowed["document"]["sourceId"]) == ("b", "b")
    assert refused(f"/api/events/{UUID(int=5)}/?source_id=d")[0] == 404


@pytest.mark.usefixtures("site")
def test_the_sources_of_an_id_are_all_named_even_where_a_document_is_missing() -> None:
    event_id = timed_id()
    events = [make_event(source, event_id=event_id) for source in ("a", "b")]
    store(*events)
    store_document(events[0])

    status, problem = refused(f"/api/events/{events[0].id}/")

    assert (status, problem["sources"]) == (409, ["a", "b"])


@pytest.mark.usefixtures("site")
def test_an_unknown_id_is_not_found() -> None:
    assert refused(f"/api/events/{uuid4()}/")[0] == 404


@pytest.mark.usefixtures("site")
def test_one_statement_finds_an_event_that_has_a_document() -> None:
    event = make_event()
    store(event)
    store_document(event)

    with CaptureQueriesContext(connection) as captured:
        get(f"/api/events/{event.id}/")

    assert len(captured) <= 2
