"""The same events by the same revision: live, tried and replayed, they come to the same."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.events import timestamps
from ingestion.tests.client import post
from processing.jobs import queue
from processing.logic.tables.lookup_table import LookupTable
from processing.models import (
    DeadLetter,
    Event,
    Job,
    LedgerMinute,
    LogicActivation,
    LogicRevision,
    LookupTableVersion,
    ReplayRemoval,
    SchemaVersion,
)
from processing.recovery.replay.job import Replay
from processing.replays import request as replays
from processing.replays.request import ReplayRequest
from processing.tests.factories import NOON
from processing.trials import request as trials
from processing.trials.infer import infer_schema
from processing.trials.job import Trial
from processing.trials.request import TrialRequest

pytestmark = pytest.mark.services

COUNT = 400
CONTENT = {
    "schemas": [{"name": "weather", "version": 1, "sources": ["*"], "mode": "enforce"}],
    "tables": {"stations": 1},
    "rules": [
        {"name": "noise", "when": 'kind == "noise"', "actions": ["drop"]},
        {"name": "station", "actions": ['set station.name = lookup("stations", station.id, "name")']},
        {"name": "fahrenheit", "when": "temperature > 10", "actions": [
            'set fahrenheit = round(convert(temperature, "degC", "degF"), 1)', "set ratio = temperature / humidity"]},
        {"name": "hot", "when": "fahrenheit > 86 or hour(timestamp) == 13", "actions": ["tag hot", "rename kind to sort"]},
        {"name": "broken", "when": "humidity < 0 or humidity > 100", "actions": ['reject "humidity out of range"']},
        {"name": "tidy", "when": 'matches(note, "^x+$")', "actions": ["remove note", "stop"]},
        {"name": "last", "actions": ["set seen = 1 + 1"]},
    ],
}  # fmt: skip
SCHEMA = {"required": ["n"], "properties": {"temperature": {"type": ["number", "null", "string"], "maximum": 45}}}


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    table = LookupTable.from_csv("id,name\n1,Pike Place\n2,Ballard\n", "id")
    LookupTableVersion.objects.create(
        name="stations", version=1, key=table.key, columns=table.columns, rows=len(table), data=table.dump(),
        created_at=timezone.now(), created_by="test",
    )  # fmt: skip
    SchemaVersion.objects.create(
        name="weather", version=1, document=SCHEMA, created_at=timezone.now(), created_by="test"
    )
    LogicRevision.objects.create(number=1, content=CONTENT, created_at=timezone.now(), created_by="test")
    return module_site


def payload(number: int) -> dict[str, object]:
    """Anything that the rules look at, often missing or of a type that they do not expect."""
    chosen = random.Random(number)
    values: dict[str, object] = {
        "temperature": chosen.choice([chosen.randint(-20, 50), chosen.random() * 60, "warm", None, True]),
        "humidity": chosen.choice([0, 50, -1, 101, 40.5, "wet"]),
        "kind": chosen.choice(["noise", "rain", 5]),
        "station": chosen.choice([{"id": 1}, {"id": 2.0}, {"id": 3}, {"id": "1"}, "1", {}]),
        "note": chosen.choice(["xxx", "xy", 7]),
        "large": 2**62 + number,
    }
    return {"n": number, **{name: value for name, value in values.items() if chosen.random() < 0.8}}


def send(site: Deployment, url: str, source: str) -> None:
    """Send all events from one source, and wait until each has an outcome."""
    events = [
        {"sourceId": source, "timestamp": timestamps.to_text(timestamps.from_micros(NOON + n * 60_000_000)), "payload": payload(n)}
        for n in range(COUNT)
    ]  # fmt: skip
    answer = post(url, events)
    assert answer.status == 202, answer
    marker = {"sourceId": "marker", "timestamp": "2026-03-01T12:00:00Z", "payload": {"n": source}}
    assert post(url, [marker]).status == 202
    site.wait_for(lambda: outcome(source).total() == COUNT)


def outcome(source: str) -> Counter[str]:
    dropped = ReplayRemoval.objects.filter(source_id=source, fate="dropped").count() or _dropped(source)
    letters = DeadLetter.objects.filter(source_id=source, state="open").count()
    return Counter(stored=Event.objects.filter(source_id=source).count(), rejected=letters, dropped=dropped)


def _dropped(source: str) -> int:
    return sum(LedgerMinute.objects.filter(source_id=source).values_list("dropped", flat=True))


def rows(source: str) -> dict[int, tuple[object, object]]:
    found = Event.objects.filter(source_id=source).values_list("payload", "tags")
    return {payload["n"]: (payload, tags) for payload, tags in found}


def run(job: Job, step: queue.Step) -> Job:
    queue.run(job, step, stopping=threading.Event())
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.message
    return job


def test_live_tried_and_replayed_events_come_to_the_same(site: Deployment) -> None:
    url = site.start_ingest().url
    site.start_consumer()
    send(site, url, "history")

    tried = run(trials.request(TrialRequest(1, ("history",)), who="test", worker="here"), Trial().step).report
    LogicActivation.objects.create(revision=1, at=timezone.now(), who="test")
    send(site, url, "live")
    run(replays.request(ReplayRequest(1, ("history",)), who="test", worker="here"), Replay().step)

    assert tried is not None
    live, replayed = rows("live"), rows("history")
    assert replayed == live
    assert outcome("history") == outcome("live")
    assert {name: tried["outcomes"][name] for name in ("stored", "rejected", "dropped")} == dict(outcome("live"))
    tagged = sum(tags is not None and tags != [] for _, tags in live.values())
    assert tried["outcomes"]["tagged"] == tagged > 0
    changed = sum(values != payload(n) for n, (values, _) in live.items())
    assert tried["outcomes"]["changed"] == changed > 0
    assert min(outcome("live").values()) > 0


def test_a_schema_is_inferred_from_what_was_sent_last(site: Deployment) -> None:
    found = infer_schema("history", scope=EVERYTHING)
    few = infer_schema("history", scope=EVERYTHING, limit=10)
    hidden = infer_schema("history", scope=ReadScope(frozenset({"live"})))

    assert (found.events, few.events, hidden.events) == (Event.objects.filter(source_id="history").count(), 10, 0)
    assert {"pointer": "/n", "claim": "required", "in": found.events, "of": found.events} in found.evidence
    assert "fahrenheit" not in str(found.schema)
