"""The page of the pipeline, its ledger and incidents, and what operators do there."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dashboard.panels import status_line
from dashboard.terminal.state import StateReader
from dashboard.tests.people import forget, person
from deploy.testing.deployment import Deployment
from ingestion.acceptance import rejection_counts
from ingestion.auth import api_keys
from ingestion.auth.read_scope import EVERYTHING
from ingestion.models import FailingSource, RefusedRequest
from ingestion.refusals import rows
from ingestion.runtime.redis_client import connect_from_thread
from processing.kafka import end_offsets
from processing.ledger import incidents
from processing.models import (
    ConsumerAssignment,
    ConsumerMember,
    DeadLetter,
    Event,
    Hold,
    Incident,
    Job,
    LedgerGap,
    LedgerMinute,
    Progress,
    Topic,
)
from processing.monitoring import store_latencies
from processing.monitoring.volume_history import NEWEST, TREND, CapacitySample, VolumeUse
from processing.tests import factories
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.consumer_thread import running_loop

pytestmark = pytest.mark.services

DAY = 86_400_000  # ms


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    for model in (Hold, Incident, Job, DeadLetter, LedgerGap, FailingSource, Progress, ConsumerMember):
        model.objects.all().delete()
    forget()
    cache.clear()


@pytest.fixture(name="topic")
def _topic(site: Deployment) -> Topic:
    site.wait_for(lambda: end_offsets.raw_data_offsets() is not None, 20)
    ends = end_offsets.raw_data_offsets()
    assert ends is not None
    return Topic.objects.get_or_create(kafka_id=ends.topic, defaults={"name": ends.name})[0]


def hold(topic: Topic, *, letters: int = 3) -> None:
    """Hold partition 0 because of what one source sent."""
    now = timezone.now()
    Hold.objects.create(topic=topic, partition=0, since=now, reason="200 dead letters in a row")
    incidents.open_incident(Incident.Kind.BREAKER, f"{topic.name}/0", "200 dead letters in a row; nothing is dropped")
    for line in range(letters):
        DeadLetter.objects.create(
            topic=topic, partition=0, offset=0, line=line, raw=b"{", reason="invalid_timestamp", detail="d", stage="decode",
            fingerprint="f1", source_id="plant-d.gateway", received=now, first_seen=now, last_seen=now,
        )  # fmt: skip


def test_a_held_partition_names_who_waits_and_who_held_it_and_an_operator_resumes_it(
    site: Deployment, topic: Topic
) -> None:
    event = {"timestamp": "2026-03-01T12:00:00Z", "payload": {"a": 1}}
    factories.put_events(site.raw_topic, *({**event, "sourceId": f"load.s-{n % 2}"} for n in range(5)))
    hold(topic)
    viewer, client = person("vera", role="viewer"), person("olaf", role="operator")
    place = f"/pipeline/partitions/{topic.name}/0/"

    # On a loaded machine Kafka may answer later than a page waits.
    site.wait_for(lambda: (client.get(f"{place.rstrip('/')}.json").json()["waits"] or {}).get("sources"), 30)
    twin, partition = client.get(f"{place.rstrip('/')}.json").json(), text(client.get(place))
    site.wait_for(lambda: "2 sources wait" in text(client.get("/pipeline/")), 30)
    page, seen = text(client.get("/pipeline/")), text(viewer.get("/pipeline/"))
    refused = viewer.post(f"{place}resume/").status_code
    unconfirmed = text(client.post(f"{place}set-aside/", follow=True))
    held = Hold.objects.get().released_at
    done = text(client.post(f"{place}set-aside/", {"confirmed": "on", "next": place}, follow=True))

    assert "200 dead letters in a row" in page
    assert "2 sources wait" in page
    assert "3 dead letters of plant-d.gateway" in page
    assert 'href="/dead-letters/?source_id=plant-d.gateway&amp;fingerprint=f1"' in page
    assert f'action="{place}resume/"' in page
    assert f'action="{place}resume/"' not in seen
    assert "load.s-0" in partition
    assert twin["waits"]["sources"] == [{"sourceId": "load.s-0", "events": 3}, {"sourceId": "load.s-1", "events": 2}]
    assert "Whose failures held it" in partition
    assert not INLINE.findall(page + partition)
    assert (refused, held) == (403, None)
    assert "confirm that you mean it" in unconfirmed
    assert "Up to offset 1 any number of events may become dead letters." in done
    assert (Hold.objects.get().released_by, Hold.objects.get().lenient_until) == ("olaf", 1)
    assert not incidents.open_incidents().exists()
    assert "is not held" in text(client.post(f"{place}resume/", follow=True))
    assert "does not wait before a batch" in text(client.post(f"{place}skip/", {"confirmed": "on"}, follow=True))
    assert client.get(f"/pipeline/partitions/{topic.name}/999/").status_code == 404


def test_incidents_are_acknowledged_and_a_source_may_send_again() -> None:
    now = timezone.now()
    incidents.open_incident(Incident.Kind.GAP, "raw-data/1", "records 0 to 8 were removed")
    incidents.open_incident(Incident.Kind.DISK, "PostgreSQL", "91 % are used")
    incidents.open_incident(Incident.Kind.SOURCE, "plant-9", "too many dead letters")
    FailingSource.objects.create(source_id="plant-9", since=now, until=now + timedelta(hours=1), reason="too many")
    client, viewer = person("olaf", role="operator"), person("vera", role="viewer")
    numbers = dict(Incident.objects.values_list("kind", "id"))

    refused = viewer.post(f"/pipeline/incidents/{numbers['gap']}/acknowledge/").status_code
    for kind in ("gap", "disk"):
        client.post(f"/pipeline/incidents/{numbers[kind]}/acknowledge/")
    resumed = text(client.post("/pipeline/sources/plant-9/resume/", {"next": "https://example.org/"}, follow=True))
    page, listed = text(client.get("/pipeline/")), text(client.get("/pipeline/incidents/?kind=gap"))

    assert refused == 403
    assert "plant-9 may send again" in resumed
    assert set(incidents.open_incidents().values_list("kind", "acknowledged_by")) == {("disk", "olaf")}
    assert "acknowledged by olaf" in page
    assert "acknowledged by olaf" in text(client.get("/"))
    assert "records 0 to 8 were removed" not in page
    assert "records 0 to 8 were removed" in listed
    assert client.get("/pipeline/incidents/?kind=lost").status_code == 404


def test_an_acknowledged_incident_colours_the_status_line_no_longer_until_its_state_is_another(topic: Topic) -> None:
    def line() -> tuple[str, str]:
        cache.clear()
        found = status_line.read(scope=EVERYTHING)
        return found["tone"], found["text"]

    def acknowledge() -> None:
        client.post(f"/pipeline/incidents/{Incident.objects.filter(until=None).latest('id').pk}/acknowledge/")

    now = timezone.now()
    ConsumerMember.objects.create(member="c", partitions=[0], since=now, heartbeat=now, state="running")
    hold(topic)
    client = person("anna", role="operator")
    held = line()
    acknowledge()
    noted = line()
    page, api = text(client.get("/")), client.get("/api/pipeline/").json()["incidents"]
    incidents.open_incident(Incident.Kind.BREAKER, f"{topic.name}/0", "300 dead letters in a row; nothing is dropped")
    counted = line()
    incidents.open_incident(Incident.Kind.DISK, "Kafka", "91 % are used")
    new = line()
    acknowledge()
    both = line()
    incidents.open_incident(Incident.Kind.DISK, "Kafka", "95 % are used, it is almost full")

    title = f"{topic.name}, partition 0 is held"
    assert held == ("bad", title)
    assert noted == counted == ("noted", f"1 incident acknowledged by anna: {title}")
    assert page.index("acknowledged</span> <strong>") > page.index('id="seen-incidents"')
    assert [each["acknowledgedBy"] for each in api] == ["anna"]
    assert new == ("warn", "A volume fills up: Kafka; 1 acknowledged")
    assert both == ("noted", f"2 incidents acknowledged by anna: {title}; A volume fills up: Kafka")
    assert line() == ("warn", "A volume fills up: Kafka; 1 acknowledged")
    assert StateReader(EVERYTHING).read().is_healthy is False


def test_latencies_and_volumes_are_shown_as_they_were_measured(site: Deployment) -> None:
    client, now = operator(), time.time_ns() // 1_000_000
    before = text(client.get("/pipeline/"))
    store_latencies.measure()
    with connect_from_thread(timeout=5) as redis:
        for ago in range(3, -1, -1):
            volume = VolumeUse("MongoDB", ("MongoDB", "Kafka, broker 1"), 900 - 10 * ago, 1_000, memory=False)
            sample = CapacitySample(now - ago * DAY, (volume,), 7 * DAY, limited=True)
            assert TREND.add(redis, sample)
            redis.delete("dataflow:capacity:turn")
        # What is of another type, or never expires, is not ours.
        redis.set("dataflow:capacity:newest", "?")
        redis.set("dataflow:capacity:newest:turn", "?")
        assert not NEWEST.add(redis, sample)
        assert NEWEST.add(redis, sample)
        assert not NEWEST.add(redis, sample)
        redis.lpush("dataflow:latencies", b"not ours")

    data = client.get("/pipeline.json").json()
    page = text(client.get("/pipeline/"))

    assert "not measured yet" in before
    assert "Consumers look once a minute" in before
    assert len(data["latencies"]["at"]) == 1
    assert data["latencies"]["postgresql"][0] > 0
    assert [store["failed"] for store in data["stores"]].count(0) >= 3
    [found] = data["capacity"]["volumes"]
    assert (found["trend"], round(found["fullInSeconds"] / 86_400)) == ("filling", 10)
    assert "<strong>Full in 10 d</strong>" in page
    assert "MongoDB, Kafka, broker 1" in page
    assert "Kafka keeps records for 7 d, read or not." in page


def test_the_ledger_leads_from_each_term_to_what_it_counts_and_reconcile_is_a_button(topic: Topic) -> None:
    minute = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
    LedgerMinute.objects.create(source_id="plant-1", partition=0, minute=minute, read=5, stored=4, dead_lettered=1)
    LedgerGap.objects.create(
        topic=topic, partition=1, first_offset=0, next_offset=9, cause="removed", noticed_at=timezone.now()
    )
    client = person("olaf", role="operator")

    page = text(client.get("/pipeline/ledger/?source_id=plant-1&start_time="))
    wrong = text(client.get("/pipeline/ledger/?start_time=yesterday"))
    gaps = text(client.get("/pipeline/"))
    answer = client.post("/pipeline/reconcile/")

    assert 'href="/events/?filter=source%3Aplant-1&amp;start=' in page
    assert 'href="/dead-letters/?state=all&amp;source_id=plant-1&amp;received_start=' in page
    assert "start_time: " in wrong
    assert "records 0 to 8 were removed from the topic before they were read" in gaps
    job = Job.objects.get()
    assert (answer.headers["Location"], job.kind, job.who) == (f"/jobs/{job.pk}/", "reconcile", "olaf")
    assert person("vera", role="viewer").post("/pipeline/reconcile/").status_code == 403


def test_a_term_of_the_ledger_leads_to_exactly_what_it_counts_also_of_late_events(site: Deployment) -> None:
    late, minute = factories.NOON - 40 * DAY * 1_000, 60_000_000
    sent = [
        factories.line(
            n, b'{"n":1}', source="late-1", ts=late if n < 2 else factories.NOON, received=factories.NOON + 5 + n
        )
        for n in range(5)
    ]
    sent += [sent[0], factories.line(1, b'{"n":2}', source="late-1", ts=late, received=factories.NOON + 9)]
    sent += [
        factories.line(n, b"{}", source="late-1", ts=factories.NOON + 1, received=factories.NOON + minute)
        for n in range(10, 12)
    ]
    factories.put(site.raw_topic, *sent)

    with running_loop():
        site.wait_for(lambda: Event.objects.filter(source_id="late-1").count() == 7, 30)
    client = person("olaf", role="operator")
    rows = client.get("/pipeline/ledger.json?source_id=late-1").json()["ledger"]["rows"]
    terms = [[cell["value"] for cell in row["terms"][:4]] for row in rows]
    events = [client.get(row["terms"][1]["href"].replace("/?", ".json?")).json() for row in rows]
    letters = client.get(rows[1]["terms"][3]["href"].replace("/?", ".json?")).json()
    bare = client.get("/events.json?start=2026-03-01T12:00:00Z&end=2026-03-01T12:02:00Z&by=received").json()

    assert terms == [[2, 2, 0, 0], [7, 5, 1, 1]]
    assert [page["histogram"]["total"] for page in events] == [len(page["events"]) for page in events] == [2, 5]
    assert (letters["total"], len(letters["letters"])) == (1, 1)
    assert [row["terms"][0]["href"] is None for row in rows] == [False, True]
    assert bare["histogram"]["total"] == 7


def test_rebalances_are_kept_with_who_came_and_went_and_how_long_partitions_were_not_read() -> None:
    ConsumerAssignment.objects.all().delete()
    start = timezone.now() - timedelta(hours=1)
    for member, partitions, kind, seconds in (
        ("a", [], "joined", 0), ("a", [0, 1], "changed", 2), ("a", [0], "changed", 100), ("b", [1], "joined", 101.5),
        ("a", [0, 1], "changed", 212), ("b", [], "lost", 200), ("a", [], "left", 1000),
    ):  # fmt: skip
        ConsumerAssignment.objects.create(
            at=start + timedelta(seconds=seconds), member=member, partitions=partitions, kind=kind
        )
    client = person("olaf", role="operator")
    page, found = text(client.get("/pipeline/")), client.get("/pipeline.json").json()["rebalances"]

    assert [(each["joined"], each["left"], each["lost"], each["seconds"]) for each in found] == [
        ([], ["a"], [], None), ([], [], ["b"], 12.0), (["b"], [], [], 1.5), (["a"], [], [], 2.0),
    ]  # fmt: skip
    assert found[2]["readers"] == [{"member": "a", "partitions": [0]}, {"member": "b", "partitions": [1]}]
    assert found[0]["readers"] == []
    assert "b fell silent" in page


def refusal(source: str = "", **fields: object) -> RefusedRequest:
    """An example of a refused request."""
    given = {
        "code": "not_json",
        "status": "400",
        "detail": "expected JSON",
        "way": "http",
        "path": "/ingest",
        "key": "",
    }
    return RefusedRequest.objects.create(id=uuid4(), source_id=source, **{"at": timezone.now(), **given, **fields})


def test_each_reason_of_a_rejection_leads_to_its_examples_as_the_source_does() -> None:
    RefusedRequest.objects.all().delete()
    key, _ = api_keys.create("gateway 3", ["ingest"])
    refusal("plant-1", key=key.prefix, size=2_000, sent='{"a":<b>')
    refusal(code="unauthenticated", status="401", path="/write", way="influx")
    refusal("plant-2", at=timezone.now() - rows.KEPT - timedelta(minutes=1), code="too_deep")
    minute = int(time.time()) // 60 * 60
    with connect_from_thread(timeout=5) as redis:
        redis.hset(rejection_counts.key(minute), f"{minute} not_json any-host", 7)
    client, viewer = person("ada", role="administrator"), person("vera", role="viewer")

    pipeline, ledger, every = (text(client.get(f"/pipeline/{path}")) for path in ("", "ledger/", "refusals/"))
    one = text(client.get("/pipeline/refusals/?reason=not_json&source=plant-1"))
    twin = viewer.get("/pipeline/refusals.json?reason=not_json").json()
    wrong = text(client.get("/pipeline/refusals/?reason=no_jsn"))
    of_source = text(client.get("/sources/plant-1/"))

    assert all('href="/pipeline/refusals/?reason=not_json"' in page for page in (pipeline, ledger, every))
    assert ("plant-1" in every, "body not read" in every, "plant-2" in every) == (True, True, False)
    assert "gateway 3" in one
    assert "{&quot;a&quot;:&lt;b&gt;…" in one
    assert "line protocol" not in one
    assert twin["refused"][0]["sent"] == '{"a":<b>'
    assert [(each["sourceId"], each["key"]) for each in twin["refused"]] == [("plant-1", None)]
    assert "reason: expected" in wrong
    assert 'href="/pipeline/refusals/?source=plant-1"' in of_source
    assert not INLINE.findall(every + one)


def test_a_person_of_some_sources_sees_nothing_that_is_shared(settings: Settings, topic: Topic) -> None:
    settings.DATAFLOW_OPEN_READ = False
    hold(topic)
    incidents.open_incident(Incident.Kind.SOURCE, "bravo", "bravo failed")
    refusal("bravo", detail="of bravo")
    refusal("", detail="of bravo")
    client = person("pia", role="operator", sources=("plant-1*",))

    paths = (
        "/",
        ".json",
        "/ledger/",
        "/incidents/",
        "/incidents.json",
        "/refusals/",
        "/refusals/?source=brav",
        "/refusals.json",
    )
    pages = [client.get(f"/pipeline{path}") for path in paths]
    answers = [
        client.get(f"/pipeline/partitions/{topic.name}/0/"),
        client.post(f"/pipeline/partitions/{topic.name}/0/resume/"),
        client.post("/pipeline/sources/bravo/resume/"),
        client.post(f"/pipeline/incidents/{Incident.objects.latest('id').pk}/acknowledge/"),
        client.post("/pipeline/reconcile/"),
    ]

    assert {page.status_code for page in pages} == {200}
    assert pages[1].json()["rebalances"] is None
    assert not [page for page in pages if b"bravo" in page.content or b"gateway" in page.content]
    assert [answer.status_code for answer in answers] == [404, 403, 404, 403, 403]
    assert Hold.objects.get().released_at is None


class Answer(NamedTuple):
    """What a page answered."""

    path: str
    status: int
    page: str
    seconds: float


def _timed(client: Client, path: str) -> Answer:
    began = time.monotonic()
    answer = client.get(path)
    return Answer(path, answer.status_code, text(answer), time.monotonic() - began)


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(("/pipeline/", "/jobs/1/", "/dead-letters/1/"), id="some"),
        pytest.param(
            (
                *(
                    "/pipeline/",
                    "/pipeline/ledger/",
                    "/pipeline/incidents/",
                    "/pipeline/refusals/",
                    "/jobs/",
                    "/jobs/1/",
                ),
                *("/dead-letters/", "/dead-letters/?q=plant-1&show=letters", "/dead-letters/1/"),
            ),
            id="all",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_without_postgresql_the_pages_open_and_say_what_is_unknown(site: Deployment, paths: tuple[str, ...]) -> None:
    client = Client()
    client.get("/dead-letters/")
    site.servers.postgres.freeze()
    try:
        answers = [_timed(client, path) for path in paths]
    finally:
        site.servers.postgres.thaw()

    assert [answer.status for answer in answers] == [200] * len(paths)
    assert all("Unknown." in answer.page for answer in answers)
    assert all('id="status-line"' in answer.page for answer in answers)
    assert "No answer from PostgreSQL" in answers[0].page
    # The first has to find that the connections are lost, and the page of the pipeline asks all servers.
    assert [answer.path for answer in answers[2:] if answer.seconds > 3] == []
    site.wait_for(lambda: "No answer from PostgreSQL" not in text(client.get("/pipeline/")), 20)
