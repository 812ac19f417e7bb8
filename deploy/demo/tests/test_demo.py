"""The demo, run as a user runs it, against a whole deployment."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
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
DAILY = "noaa.seattle.daily"  # no hour was hotter than 30 °C


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


def run_demo(
    ingest_port: int, web_port: int, *, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    settings = {"INGESTION_SERVICE_PORT": str(ingest_port), "API_SERVICE_PORT": str(web_port)}
    command = [sys.executable, "-m", "deploy.demo", "--once"]
    # Without the environment of a site the demo finds the ports alone, and no PostgreSQL.
    env = {"DATAFLOW_ENV_FILE": "/dev/null", **(env or {}), **settings}
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


@pytest.mark.services
@pytest.mark.thorough
def test_the_demo_applies_its_logic_to_what_it_brings_in(site: Deployment) -> None:
    ingest, web = site.start_ingest(), site.start_web()
    site.start_consumer()

    result = run_demo(ingest.port, web.port, env=site.env)
    again = run_demo(ingest.port, web.port, env=site.env)
    with Client(ports.HOST, ingest.port) as client:
        client.post_events(weather.impossible_reading())

    assert "Applied; revision 1 is current." in result.stdout
    assert "Nothing differs." in again.stdout
    with Client(ports.HOST, web.port) as client:
        [warm] = results(client, "/data", {"source_id": SEATTLE, "limit": 1})
        [tagged, snowy] = [
            {event["eventId"] for event in results(client, "/data", {"source_id": DAILY, "tag": tag, "limit": 1000})}
            for tag in ("hot", "schema_violation")
        ]
        site.wait_for(lambda: results(client, "/api/dead-letters/", {}))
        [letter] = results(client, "/api/dead-letters/", {})
    payload = warm["payload"]
    assert isinstance(payload, dict)
    assert (payload["city"], payload["state"]) == ("Seattle", "Washington")
    assert payload["temperatureF"] == pytest.approx(payload["temperature"] * 9 / 5 + 32, abs=0.05)
    assert (len(tagged), len(snowy)) == days_of_the_file()
    assert (letter["reason"], letter["sourceId"]) == ("rejected_by_rule", weather.BROKEN)


def results(client: Client, address: str, parameters: dict[str, str | int]) -> list[dict[str, object]]:
    found = client.get(address, parameters)["results"]
    assert isinstance(found, list)
    return found


def days_of_the_file() -> tuple[int, int]:
    """Return how many readings are hot and how many days have snow, without code of the product."""
    payloads = [json.loads(line)["payload"] for line in weather.lines()]
    hot = [each for each in payloads if max(each.get("temperature", 0), each.get("temperatureMax", 0)) > 30]
    return len(hot), sum(each.get("weather") == "snow" for each in payloads)
