"""/api/events/<id>/: row, origin, raw document."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from processing.jobs import queue
from processing.stores.mongodb import documents
from queries.tests import many
from queries.tests.stored import TOPIC_ID, get, make_event, refused, store, store_document, timed_id

pytestmark = pytest.mark.services


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
        "request": {},
        "contentHash": "fffffffffffffffb",
        "origin": {"topicId": str(TOPIC_ID), "partition": 3, "offset": 41, "line": 2},
    }


@pytest.mark.usefixtures("site")
def test_an_event_without_a_document_is_found_by_the_time_in_its_id() -> None:
    event = make_event(event_id=timed_id())
    store(event)

    shown = get(f"/api/events/{str(event.id).upper()}/")

    assert (shown["eventId"], shown["document"], shown["documentState"]) == (str(event.id), None, "absent")


@pytest.mark.usefixtures("site")
def test_while_documents_are_restored_nothing_is_said_to_be_absent() -> None:
    lost = make_event()
    store(lost)

    job = queue.enqueue(documents.RESTORE_JOB, {}, who="consumer")
    answers = [refused(f"/api/events/{event_id}/") for event_id in (lost.id, uuid4(), timed_id())]
    traced = refused(f"/api/events/{lost.id}/trace/")
    queue.cancel(job.pk)

    assert {(status, problem["code"]) for status, problem in (*answers, traced)} == {(503, "store_unavailable")}
    assert "being restored" in answers[0][1]["detail"]
    assert refused(f"/api/events/{uuid4()}/")[0] == 404


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


@pytest.fixture(scope="module")
def full(module_site: Deployment) -> Deployment:
    many.fill(60_000, sources=20)
    return module_site


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("query", ["", "?source_id=sensor-001"])
def test_an_id_that_does_not_exist_is_not_searched_for_among_the_rows(query: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert refused(f"/api/events/{uuid4()}/{query}")[0] == 404
        assert refused(f"/api/events/{timed_id(many.LAST_MOMENT)}/{query}")[0] == 404

    # Of the id without a time no row is read at all.
    [plan] = many.plans(captured)
    assert "Seq Scan" not in plan
    assert "events_2024_06" in plan
    assert "events_2024_05" not in plan


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("event_id", [uuid4(), timed_id(many.LAST_MOMENT)])
def test_an_event_is_read_by_its_key_alone(event_id: UUID) -> None:
    event = make_event("sensor-007", ts=many.LAST_MOMENT, event_id=event_id)
    store(event)
    store_document(event)

    with CaptureQueriesContext(connection) as captured:
        assert get(f"/api/events/{event_id}/")["sourceId"] == "sensor-007"

    [plan] = many.plans(captured)
    assert "Seq Scan" not in plan.replace("Seq Scan on topic", "")
    assert "events_2024_05" not in plan
