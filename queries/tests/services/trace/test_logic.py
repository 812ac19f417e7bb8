"""A trace says what each rule and schema said of an event, and why not."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from kafka import KafkaProducer
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.tests.client import event, post
from processing.kafka import topic_search
from processing.logic.content import SchemaContent
from processing.models import SourceStatistics
from processing.tests import logic_revisions, replaying
from processing.tests.logic_revisions import rule
from queries.tests.stored import get, refused

pytestmark = pytest.mark.services

RULES = (
    rule("cold", 'reject "below zero"', when="n < 0"),
    rule("noise", "drop", when='kind == "noise" and n > 5'),
    rule("double", "set m = n * 2", "tag doubled", when="n > 10"),
    rule("last", "stop", when="exists(m)"),
    rule("never", "tag never"),
)


def read(count: int) -> bool:
    return sum(SourceStatistics.objects.values_list("read", flat=True)) == count


def traced(id_: str) -> dict[str, Any]:
    trace: dict[str, Any] = get(f"/api/events/{id_}/trace/")
    return trace


def logic_of(trace: dict[str, Any], stage: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step["logic"] for step in trace["steps"] if step["stage"] == stage)
    return found


def test_each_rule_says_what_it_did_or_which_part_said_no(site: Deployment) -> None:
    document = {"type": "object", "properties": {"n": {"type": "number", "maximum": 15}}}
    logic_revisions.save_schema("numbers", 1, document)
    revision = logic_revisions.use(*RULES, schemas=[SchemaContent("numbers", 1, ["sensor-123"])])
    receiver = site.start_ingest()
    site.start_consumer()
    changed, dropped, rejected = (
        post(receiver.url, event(payload=payload)).json["eventId"]
        for payload in ({"n": 20, "kind": "x"}, {"n": 7, "kind": "noise"}, {"n": -1})
    )
    site.wait_for(lambda: read(3))

    logic = logic_of(traced(changed), "processed")
    assert logic["revision"] == revision
    [schema] = logic["schemas"]
    assert (schema["name"], [each["pointer"] for each in schema["violations"]]) == ("numbers", ["/n"])
    outcomes = {step["rule"]: step["outcome"] for step in logic["rules"]}
    assert outcomes == {
        "cold": "not applied", "noise": "not applied", "double": "applied", "last": "applied", "never": "skipped",
    }  # fmt: skip
    cold, noise, double, _, never = logic["rules"]
    assert [(leaf["text"], leaf["result"], leaf["values"]) for leaf in cold["leaves"]] == [("n < 0", False, {"n": 20})]
    assert [(leaf["text"], leaf["values"]) for leaf in noise["leaves"]] == [('kind == "noise"', {"kind": "x"})]
    assert double["changes"] == [{"field": "m", "action": "set m = n * 2", "after": 40}]
    assert (double["tagsAdded"], never["skippedBy"]) == (["doubled"], "last")

    assert traced(dropped)["outcome"] == "dropped"
    assert logic_of(traced(dropped), "dropped")["rules"][1]["fate"] == "dropped"
    assert traced(rejected)["outcome"] == "dead_lettered"
    assert logic_of(traced(rejected), "dead_lettered")["rules"][0]["fate"] == "rejected"


def test_a_row_that_a_replay_dropped_is_found_with_its_document(site: Deployment) -> None:
    receiver = site.start_ingest()
    site.start_consumer()
    id_ = post(receiver.url, event(payload={"n": 7, "kind": "noise"})).json["eventId"]
    site.wait_for(lambda: read(1))
    assert (get(f"/api/events/{id_}/")["revision"], get(f"/api/events/{id_}/")["replay"]) == (None, None)

    job = replaying.replay(logic_revisions.use(*RULES))

    trace = traced(id_)
    assert trace["outcome"] == "dropped"
    [step] = [step for step in trace["steps"] if step["stage"] == "dropped"]
    assert f"replay {job.pk}" in step["detail"]
    assert step["logic"]["rules"][1]["fate"] == "dropped"


@pytest.fixture(name="buried")
def _buried(site: Deployment) -> str:
    """Store hours of events, with one that a rule drops in the first, the middle and the last hour; return the middle's id."""
    hour = timedelta(hours=1)
    # Each hour's records are of one minute.
    began = datetime.now(tz=UTC).replace(second=0, microsecond=0) - 7 * hour
    found = str(uuid4())
    with closing(KafkaProducer(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)) as producer:
        for number in range(6):
            sent = [event(payload={"n": 1}) for _ in range(2_500)]
            if number in (1, 3, 5):
                id_ = found if number == 3 else str(uuid4())
                sent[1_000] = event(payload={"n": 7, "kind": "noise"}, eventId=id_)
            for index, each in enumerate(sent):
                at = began + number * hour + index * timedelta(milliseconds=1)
                value = json.dumps(each).encode()
                producer.send(site.raw_topic, value, partition=0, timestamp_ms=int(at.timestamp() * 1000))
    logic_revisions.use(*RULES)
    site.start_consumer()
    site.wait_for(lambda: read(15_000), seconds=60)
    return found


def test_a_dropped_event_is_found_wherever_it_is_in_the_topic(buried: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_search, "BUDGET", 20.0)  # on a busy machine

    trace = traced(buried)

    assert trace["outcome"] == "dropped"
    assert logic_of(trace, "dropped")["rules"][1]["fate"] == "dropped"
    assert trace["search"]["complete"] is True
    # Half of the hours have minutes in which something was dropped.
    assert trace["search"]["records"] == 3 * 2_500


def test_a_search_that_is_cut_off_says_so(buried: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_search, "BUDGET", 0.0)

    status, problem = refused(f"/api/events/{buried}/trace/")

    assert status == 404
    assert problem["detail"].endswith("or from minutes in which rules dropped events; there are more")
    # The counts of another source lead nowhere: all that can be is searched.
    elsewhere = refused(f"/api/events/{buried}/trace/?source_id=other")
    assert elsewhere[1]["detail"].endswith("stored, set aside or waiting")


def test_a_reader_without_raw_documents_sees_no_values(site: Deployment, client: Client, settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False
    logic_revisions.use(*RULES)
    receiver = site.start_ingest()
    site.start_consumer()
    id_ = post(receiver.url, event(payload={"n": 20, "kind": "secret-kind"})).json["eventId"]
    site.wait_for(lambda: read(1))

    _, token = api_keys.create("reader", ["read"])
    answer = client.get(f"/api/events/{id_}/trace/", headers={"x-api-key": token})

    logic = logic_of(answer.json(), "processed")
    assert [step["outcome"] for step in logic["rules"]][:3] == ["not applied", "not applied", "applied"]
    assert "secret-kind" not in json.dumps(logic)
    assert "40" not in json.dumps(logic)


def test_a_large_number_is_explained_as_the_consumer_saw_it(site: Deployment) -> None:
    logic_revisions.use(rule("large", "tag large", when="n > 4000000000"))
    receiver = site.start_ingest()
    site.start_consumer()
    id_ = post(receiver.url, event(payload={"n": 2**40})).json["eventId"]
    site.wait_for(lambda: read(1))

    assert get(f"/api/events/{id_}/")["tags"] == ["large"]
    assert [step["outcome"] for step in logic_of(traced(id_), "processed")["rules"]] == ["applied"]
