"""Replays and trials over the API: jobs that say what they do, and can be paused."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.test import Client

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from processing import job_registry
from processing.jobs import queue
from processing.models import Event, Job
from processing.tests import logic_revisions
from processing.tests.logic_revisions import rule
from queries.tests.consumed import consume
from queries.tests.stored import get

pytestmark = pytest.mark.services


@pytest.fixture(name="key")
def _key(site: Deployment) -> dict[str, Any]:
    _, token = api_keys.create("operator", ["admin"])
    return {"headers": {"x-api-key": token}, "content_type": "application/json"}


def post(client: Client, key: dict[str, Any], path: str, body: object) -> tuple[int, dict[str, Any]]:
    answer = client.post(path, json.dumps(body), **key)
    return answer.status_code, answer.json()


def run_jobs() -> None:
    while queue.run_next(queue.new_worker(), job_registry.steps(), stopping=threading.Event()):
        pass


def test_a_trial_and_a_replay_are_jobs_with_reports(client: Client, key: dict[str, Any]) -> None:
    consume([line(n) for n in range(6)])
    revision = logic_revisions.save_only(rule("hot", "tag hot", when="n > 2"))

    tried = post(client, key, "/api/logic/trials/", {"revision": revision, "sources": ["sensor-*"]})
    dry = post(client, key, "/api/replays/", {"revision": revision, "from": "2026-03-01", "dryRun": True})
    done = post(client, key, "/api/replays/", {"revision": revision})
    run_jobs()

    assert [status for status, _ in (tried, dry, done)] == [202, 202, 202]
    of_trial, of_dry_run, of_replay = (get(f"/api/jobs/{job['id']}/")["report"] for _, job in (tried, dry, done))
    assert (of_trial["events"], of_trial["outcomes"]["tagged"], len(of_trial["examples"]["tagged"])) == (6, 3, 3)
    assert (of_dry_run["outcomes"]["tagged"], of_dry_run["rows"]["changed"]) == (3, 3)
    assert of_replay["rows"] == {"read": 6, "same": 3, "changed": 3, "damaged": 0}
    assert Event.objects.filter(tags=["hot"], replay=done[1]["id"]).count() == 3


def test_a_job_is_paused_before_its_next_step_and_resumed(client: Client, key: dict[str, Any]) -> None:
    consume([line(n) for n in range(3)])
    revision = logic_revisions.save_only(rule("hot", "tag hot"))
    _, job = post(client, key, "/api/replays/", {"revision": revision})

    _, paused = post(client, key, f"/api/jobs/{job['id']}/pause/", {})
    run_jobs()
    assert (paused["state"], Event.objects.filter(tags=["hot"]).count()) == ("paused", 0)
    _, resumed = post(client, key, f"/api/jobs/{job['id']}/resume/", {})
    run_jobs()

    assert resumed["state"] == "queued"
    assert (Job.objects.get(pk=job["id"]).state, Event.objects.filter(tags=["hot"]).count()) == ("done", 3)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"revision": 99}, "there is no revision 99"),
        ({"sources": ["*-x"]}, "sources have to be"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "the range is empty"),
        ({"from": "yesterday"}, "/from: expected a date"),
    ],
    ids=["revision", "sources", "range", "time"],
)
def test_what_cannot_be_replayed_or_tried_is_refused(
    client: Client, key: dict[str, Any], body: object, words: str
) -> None:
    for path in ("/api/replays/", "/api/logic/trials/"):
        status, problem = post(client, key, path, body)
        assert (status, problem["code"]) == (400, "invalid_parameter")
        assert words in problem["detail"]
    assert not Job.objects.exists()


def line(number: int) -> bytes:
    event = {"sourceId": "sensor-1", "timestamp": f"2026-03-01T12:0{number}:00Z", "payload": {"n": number}}
    return json.dumps(event).encode()
