"""A process that runs jobs says over HTTP how it does."""

from __future__ import annotations

import urllib.request

import pytest

from deploy.local.processes import JOBS
from deploy.testing.deployment import Deployment
from ingestion.tests.client import call

pytestmark = pytest.mark.services


def test_jobs_answer_probes_and_scrapers_at_a_port_of_their_own(site: Deployment) -> None:
    jobs = site.start_jobs()

    ready = call(jobs.url, "GET", "/readyz")
    with urllib.request.urlopen(f"{jobs.url}/metrics") as answer:
        metrics = answer.read().decode()

    assert call(jobs.url, "GET", "/healthz").json["status"] == "ok"
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert {name: state["state"] for name, state in ready.json["dependencies"].items()} == {
        "postgresql": "up",
        "mongodb": "up",
    }
    assert "process_cpu_seconds_total" in metrics


def test_jobs_without_a_store_say_so_and_jobs_at_a_taken_port_end_with_a_sentence(site: Deployment) -> None:
    jobs = site.start_jobs({"MONGO_URI": "mongodb://127.0.0.1:1"})
    second = site.launch(JOBS, {"DATAFLOW_JOBS_HOST": "203.0.113.1"})
    site.wait_for(lambda: not second.running, 20)

    assert call(jobs.url, "GET", "/readyz").json["status"] == "degraded"
    assert second.exit_code == 1
    assert "set DATAFLOW_JOBS_PORT to a free port" in second.log
