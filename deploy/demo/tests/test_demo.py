"""The demo, run as a user runs it, against a whole deployment."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlsplit

import pytest

from deploy.demo import weather
from deploy.demo.client import Client
from deploy.local import ports, processes
from deploy.testing.deployment import Deployment

EVENTS = 18_979
SEATTLE = "noaa.seattle.hourly"


def test_the_file_holds_what_its_readme_says() -> None:
    sources = [json.loads(line)["sourceId"] for line in weather.lines()]

    counts = {source: sources.count(source) for source in weather.REPLAYED}

    assert counts == {SEATTLE: 8_759, "noaa.san-francisco.hourly": 8_759, "noaa.seattle.daily": 1_461}
    assert len(sources) == EVENTS


def test_the_replay_begins_again_when_a_source_is_at_its_end() -> None:
    events = [
        json.dumps({"sourceId": source, "payload": {"value": number}}).encode()
        for source, count in zip(weather.REPLAYED, (1, 2, 3), strict=True)
        for number in range(count)
    ]

    rounds = [[json.loads(line) for line in body.splitlines()] for body in islice(weather.replay(events), 4)]

    assert [[event["payload"]["value"] for event in one] for one in rounds] == [
        [0, 0, 0],
        [0, 1, 1],
        [0, 0, 2],
        [0, 1, 0],
    ]
    assert {event["sourceId"] for event in rounds[0]} == set(weather.REPLAYED.values())


def test_the_demo_says_in_a_sentence_that_nothing_runs() -> None:
    result = run_demo(ports.free_port(), ports.free_port())

    assert result.returncode == 1
    assert "make run" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.services
def test_the_demo_brings_in_each_reading_once_however_often_it_is_sent(site: Deployment) -> None:
    ingest, web = site.start_ingest(), site.start_web()
    site.start_consumer()

    first = run_demo(ingest.port, web.port)
    second = run_demo(ingest.port, web.port)

    assert f"{EVENTS:,} were stored now, 0 were there already" in first.stdout
    assert f"0 were stored now, {EVENTS:,} were there already" in second.stdout
    with Client(ports.HOST, web.port) as client:
        paged = [str(event["eventId"]) for event in every_event(client)]
        means = daily_means(client)
    assert len(paged) == len(set(paged)) == EVENTS
    assert means == pytest.approx(means_of_the_file(), rel=1e-9)


def run_demo(ingest_port: int, web_port: int) -> subprocess.CompletedProcess[str]:
    settings = {"INGESTION_SERVICE_PORT": str(ingest_port), "API_SERVICE_PORT": str(web_port)}
    command = [sys.executable, "-m", "deploy.demo", "--once"]
    env = {"DATAFLOW_ENV_FILE": "/dev/null", **settings}
    return subprocess.run(
        command, cwd=processes.ROOT, env=env, capture_output=True, text=True, timeout=180, check=False
    )


def every_event(client: Client) -> Iterator[dict[str, object]]:
    """All sources at once, page by page as a reader would follow them."""
    page = client.get("/data", {"limit": 1000})
    while True:
        results = page["results"]
        assert isinstance(results, list)
        yield from results
        if page["next"] is None:
            return
        address = urlsplit(str(page["next"]))
        page = client.get(f"{address.path}?{address.query}")


def daily_means(client: Client) -> dict[str, float]:
    parameters = {"source_id": SEATTLE, "field": "temperature", "interval": "1d"}
    buckets = client.get("/api/data/aggregate/", parameters)["results"]
    assert isinstance(buckets, list)
    return {bucket["start"][:10]: bucket["avg"] for bucket in buckets}


def means_of_the_file() -> dict[str, float]:
    """Return the readings by day in UTC, without code of the product."""
    days: dict[str, list[float]] = defaultdict(list)
    for event in map(json.loads, weather.lines()):
        if event["sourceId"] == SEATTLE:
            days[datetime.fromisoformat(event["timestamp"]).astimezone(UTC).date().isoformat()].append(
                event["payload"]["temperature"]
            )
    return {day: math.fsum(values) / len(values) for day, values in days.items()}
