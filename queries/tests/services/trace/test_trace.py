"""/api/events/<id>/trace/: the history of one event in the stores, the dead letters and the topic."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from ingestion.tests.client import JSON, call, event, numbered, post
from processing.dead_letters import redrive
from processing.kafka import topic_search
from processing.models import DeadLetter, DeadLetterAction, Event, SourceStatistics
from processing.tests import factories
from queries.tests.stored import get, make_event, refused, store, store_document, timed_id

pytestmark = pytest.mark.services

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def stages(trace: dict[str, Any]) -> list[str]:
    return [step["stage"] for step in trace["steps"]]


def step_of(trace: dict[str, Any], stage: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in trace["steps"] if step["stage"] == stage)
    return found


def read(count: int) -> bool:
    return sum(SourceStatistics.objects.values_list("read", flat=True)) == count


def test_events_that_were_processed_show_how_they_ended(site: Deployment) -> None:
    receiver = site.start_ingest()
    site.start_consumer()
    stored, id_ = event(payload={"n": 1}), str(uuid4())
    sent = call(receiver.url, "POST", "/ingest", json.dumps(stored).encode(), {**JSON, "traceparent": TRACE})
    site.wait_for(lambda: read(1))
    post(receiver.url, stored)
    post(receiver.url, event("other", eventId=id_))
    site.wait_for(lambda: read(3))
    post(receiver.url, event("other", eventId=id_, payload={"n": 2}))
    site.wait_for(lambda: read(4))

    trace = get(f"/api/events/{sent.json['eventId']}/trace/")
    conflict = get(f"/api/events/{id_}/trace/?source_id=other")

    assert (trace["outcome"], trace["sourceId"], trace["lag"]) == ("stored", "sensor-123", None)
    assert stages(trace) == [
        *("received", "published", "processed", "stored", "published_again"),
        *("received", "published", "duplicate"),
    ]
    published = step_of(trace, "published")
    assert published["traceparents"] == [TRACE]
    assert (published["origin"]["topic"], published["origin"]["offset"]) == (site.raw_topic, 0)
    assert step_of(trace, "duplicate")["origin"]["offset"] == 1
    assert trace["search"]["complete"] is True
    assert conflict["outcome"] == "stored"
    letter = step_of(conflict, "dead_lettered")
    assert letter["letter"] == DeadLetter.objects.get().id
    assert letter["detail"].endswith("now open")
    assert "duplicate" not in stages(conflict)
    assert conflict["leftOut"] == {"deadLetters": 0, "copies": 0, "atLeast": False}
    assert conflict["search"]["records"] > 0

    # Sent again and again, it has no longer trace than this.
    for _ in range(11):
        post(receiver.url, stored)
    site.wait_for(lambda: read(15))
    address = f"/api/events/{sent.json['eventId']}/trace/"
    # Pages that ask within half a second share one look at what Kafka has.
    site.wait_for(lambda: get(address)["search"]["records"] == 13)
    often = get(address)
    assert stages(often).count("duplicate") == 10
    assert often["leftOut"]["copies"] == 2

    # Its record is one that Kafka lost: there is nothing to look at.
    lost = uuid4()
    DeadLetter.objects.update(offset=-1, source_id="lost", event_id=lost)
    assert get(f"/api/events/{lost}/trace/")["search"]["records"] == 0


def test_an_event_that_waits_is_in_flight_and_an_unknown_one_is_not_found(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = site.start_ingest()
    sent = post(receiver.url, event())
    post(receiver.url, numbered(50))
    unknown = f"/api/events/{uuid4()}/trace/"

    trace = get(f"/api/events/{sent.json['eventId'].upper()}/trace/?source_id=sensor-123")
    whole = refused(unknown)
    monkeypatch.setattr(topic_search, "CHUNK", 1)
    monkeypatch.setattr(topic_search.search, "__kwdefaults__", {"budget": 0.0})
    cut = refused(unknown)

    assert (trace["outcome"], stages(trace)) == ("in_flight", ["received", "published", "in_flight"])
    assert trace["lag"]["partition"] == step_of(trace, "in_flight")["origin"]["partition"]
    assert trace["lag"]["records"] >= 2
    assert (whole[0], whole[1]["code"]) == (404, "not_found")
    assert whole[1]["detail"].endswith("stored, set aside or waiting")
    assert (cut[0], cut[1]["detail"].endswith("there are more")) == (404, True)


def letter_of(event_id: UUID, *, offset: int, root: DeadLetter | None = None) -> DeadLetter:
    event = make_event("sensor-1", event_id=event_id, offset=offset)
    now = timezone.now()
    return DeadLetter.objects.create(
        topic=event.topic, partition=3, offset=offset, line=0, raw=b"{}", reason="missing_field", detail="/payload",
        stage="decode", source_id="sensor-1", event_id=event_id, received=now, first_seen=now, last_seen=now,
        fingerprint="f", root=root,
    )  # fmt: skip


@pytest.mark.usefixtures("site")
def test_a_dead_letter_shows_its_history_and_what_came_of_its_redrive() -> None:
    first = letter_of(uuid4(), offset=1)
    again = letter_of(uuid4(), offset=2, root=first)
    DeadLetterAction.objects.create(letter=first, at=timezone.now(), who="ann", kind="edited", note="was 1")
    DeadLetter.objects.update(state="discarded")

    trace = get(f"/api/events/{again.event_id}/trace/")

    assert (trace["outcome"], trace["sourceId"]) == ("discarded", "sensor-1")
    assert [step["letter"] for step in trace["steps"] if step["stage"] == "dead_lettered"] == [first.id, again.id]
    assert step_of(trace, "edited")["detail"] == "by ann: was 1"
    assert step_of(trace, "dead_lettered")["detail"] == "A required field is missing: /payload; now discarded"


@pytest.mark.usefixtures("site")
def test_of_many_letters_with_one_id_the_first_and_the_newest_are_shown_and_all_are_counted() -> None:
    id_ = uuid4()
    made = [letter_of(id_, offset=n) for n in range(30)]
    DeadLetter.objects.exclude(pk=made[15].pk).update(state="discarded")

    trace = get(f"/api/events/{id_}/trace/")

    shown = [step["letter"] for step in trace["steps"] if step["stage"] == "dead_lettered"]
    assert shown == [each.pk for each in [*made[:5], *made[-5:]]]
    assert trace["leftOut"] == {"deadLetters": 20, "copies": 0, "atLeast": False}
    assert trace["outcome"] == "dead_lettered"  # for the one in the middle


@pytest.mark.usefixtures("site")
def test_an_event_whose_letter_ended_under_another_id_is_closed() -> None:
    first = letter_of(uuid4(), offset=1)
    letter_of(uuid4(), offset=2, root=first)
    DeadLetter.objects.update(state="stored")

    assert get(f"/api/events/{first.event_id}/trace/")["outcome"] == "closed"


@pytest.mark.usefixtures("site")
def test_the_trace_of_a_mended_event_has_its_letter() -> None:
    row = make_event("sensor-2", event_id=timed_id())
    store(row)
    mended = letter_of(uuid4(), offset=1)
    line = b'{"id":"%b","source":"sensor-2","ts":1,"received":1,"payload":{}}' % str(row.id).encode()
    DeadLetter.objects.filter(pk=mended.pk).update(
        state="stored", edited=line, sent_id=row.id, source_id="", event_id=None
    )
    other = letter_of(uuid4(), offset=2)
    DeadLetter.objects.filter(pk=other.pk).update(edited=line.replace(b"sensor-2", b"sensor-3"), sent_id=row.id)

    trace = get(f"/api/events/{row.id}/trace/")

    assert (trace["outcome"], trace["sourceId"]) == ("stored", "sensor-2")
    assert [step["letter"] for step in trace["steps"] if step["stage"] == "dead_lettered"] == [mended.pk]


@pytest.mark.usefixtures("site")
def test_the_same_id_of_several_sources_has_to_be_told_apart() -> None:
    events = [make_event(source, event_id=UUID(int=5)) for source in ("a", "b")]
    store(*events)
    for each in events:
        store_document(each)

    status, problem = refused(f"/api/events/{UUID(int=5)}/trace/")

    assert (status, problem["code"], problem["sources"]) == (409, "ambiguous_event", ["a", "b"])


def test_the_trace_of_a_mended_event_names_its_letter_also_once_its_record_is_gone(site: Deployment) -> None:
    factories.put(site.raw_topic, b'{"sourceId": "meter-7", "timestamp": "yesterday", "payload": {"n": 1}}', headers=[])
    site.start_consumer()
    site.start_jobs()
    site.wait_for(DeadLetter.objects.exists)
    letter = DeadLetter.objects.get()
    mended = b'{"sourceId": "meter-7", "timestamp": "2026-03-01T12:00:00Z", "payload": {"n": 1}}'
    redrive.request_edited(letter, mended, who="ann", now=timestamps.now())
    site.wait_for(lambda: DeadLetter.objects.filter(state="stored").exists())
    stored = Event.objects.get()

    trace = get(f"/api/events/{stored.id}/trace/?source_id=meter-7")
    site.remove_raw_records(before=site.raw_ends())
    later = get(f"/api/events/{stored.id}/trace/?source_id=meter-7")

    for found in (trace, later):
        assert stages(found) == [
            *("received", "published", "dead_lettered", "edited", "closed"),
            *("received", "published", "processed", "stored", "published_again"),
        ]
        again = found["steps"][6]
        assert (again["letter"], again["detail"].startswith("by the redrive of its dead letter")) == (letter.id, True)
        assert found["outcome"] == "stored"


@pytest.mark.faults
def test_without_kafka_what_is_stored_is_shown_and_what_is_not_cannot_be_told(site: Deployment) -> None:
    stored = make_event("sensor-1", event_id=timed_id())
    store(stored)
    site.servers.kafka.stop()

    trace = get(f"/api/events/{stored.id}/trace/?source_id=sensor-1")
    status, problem = refused(f"/api/events/{uuid4()}/trace/")

    assert (trace["outcome"], trace["search"]) == ("stored", None)
    assert step_of(trace, "stored")["detail"].endswith("let reconcile look")
    assert (status, problem["code"]) == (503, "broker_unavailable")


def received_request(sent: Any) -> Any:
    return step_of(get(f"/api/events/{sent}/trace/?source_id=sensor-1"), "received")["request"]


def test_the_request_of_an_event_is_found_from_its_event_as_long_as_it_is_stored(site: Deployment) -> None:
    receiver = site.start_ingest()
    ids = [str(uuid4()) for _ in range(6)]
    batch = [event("sensor-1", eventId=id_, payload={"n": n}) for n, id_ in enumerate(ids)]
    in_attribute = {"specversion": "1.0", "id": "a", "source": "sensor-1", "type": "t", "traceparent": OTHER_TRACE}

    def send(content: Any, **head: str) -> None:
        sent = call(receiver.url, "POST", "/ingest", json.dumps(content).encode(), {**JSON, **head})
        assert sent.status == 202

    send(batch[:2], **{"X-Request-ID": "order-66", "traceparent": TRACE})
    send(batch[2:4], **{"X-Request-ID": "order-67"})
    send(batch[4:5], traceparent=TRACE.upper())
    send(batch[5:], traceparent=TRACE[:-2] + "00")
    cloud = call(
        receiver.url, "POST", "/ingest", json.dumps(in_attribute).encode(),
        {"Content-Type": "application/cloudevents+json"},
    )  # fmt: skip
    call(receiver.url, "POST", "/write", b"m,device=one f=1 1744372800000000000", {"traceparent": TRACE})
    site.start_consumer()
    site.wait_for(lambda: read(8))

    of_order = {"id": "order-66", "traceparent": TRACE}
    expected = [of_order, of_order, {"id": "order-67"}, {"id": "order-67"}, None, {"traceparent": TRACE[:-2] + "00"}]
    assert [received_request(id_) for id_ in ids] == expected
    assert received_request(cloud.json["eventId"]) == {"traceparent": OTHER_TRACE}
    (point,) = (one for one in get("/data")["results"] if "f" in str(one["payload"]))
    assert get(f"/api/events/{point['eventId']}/")["document"]["request"] == {"traceparent": TRACE}

    site.remove_raw_records(before=site.raw_ends())
    assert step_of(get(f"/api/events/{ids[0]}/trace/"), "published")["at"] is None
    assert [received_request(id_) for id_ in ids] == expected
