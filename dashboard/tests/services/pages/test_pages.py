"""The pages as rendered by the server, without JavaScript."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from dashboard.tests.rows import Rows
from deploy.testing.deployment import Deployment
from processing.models import DeadLetter, SourceStatistics, Topic

pytestmark = pytest.mark.services
NOW = datetime(2026, 3, 1, tzinfo=UTC)

PAGES = ["/", "/sources/", "/sources/sensor-1/", "/sign-in/", "/no-such-page", "/live/overview/"]


def text_of(client: Client, path: str) -> str:
    """What a reader without JavaScript sees: no tags, no templates, single spaces."""
    html = re.sub(r"<(template|script).*?</\1>", "", client.get(path).content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.fixture
def client(site: Deployment) -> Client:
    return Client()


def test_the_overview_says_the_equation_without_scripts(client: Client, rows: Rows) -> None:
    rows.source("sensor-1", stored=1234)

    text = text_of(client, "/")

    assert "1,234 stored" in text
    assert "1,234 accepted" in text
    assert "Unaccounted 0" in text


def test_dead_letters_of_the_past_are_no_state_and_open_ones_are(client: Client, rows: Rows) -> None:
    rows.source("sensor-1", stored=10)
    SourceStatistics.objects.update(read=397, dead_lettered=387)

    before = client.get("/").content.decode()
    DeadLetter.objects.create(
        topic=Topic.objects.get_or_create(kafka_id=UUID(int=7), defaults={"name": "raw"})[0], partition=0, offset=0,
        line=0, raw=b"", reason="not_json", detail="", stage="decode", received=NOW, first_seen=NOW, last_seen=NOW,
        fingerprint="0" * 32,
    )  # fmt: skip
    cache.clear()
    after = client.get("/").content.decode()

    assert 'data-figure="deadLetters">' in before
    assert 'data-bind="told.openDeadLetters">0<' in before
    assert '<b data-bind="ledger.deadLettered">387</b> <a href="/dead-letters/">dead-lettered' in before
    assert 'data-figure="deadLetters" data-tone="warn">' in after
    assert 'data-bind="told.openDeadLetters">1<' in after


def test_the_overview_lists_sources_values_and_events_without_scripts(client: Client, rows: Rows) -> None:
    rows.source("sensor-1")
    rows.field("sensor-1", "temperature", [21.25])
    rows.event("sensor-1", {"temperature": 21.25, "room": "attic"})

    text = text_of(client, "/")

    assert "temperature 21.25" in text
    assert "2009-04-11 12:00:00" in text
    assert "attic" in text


def test_an_empty_deployment_says_how_to_send_the_first_event(client: Client) -> None:
    text = text_of(client, "/")

    assert "Nothing yet." in text
    assert "curl -X POST" in text


def test_a_rate_without_samples_is_unknown_and_not_zero(client: Client) -> None:
    assert "Accepted – / s" in text_of(client, "/")


def test_a_source_shows_a_chart_for_each_numeric_field_without_scripts(client: Client, rows: Rows) -> None:
    rows.source("sensor-1")
    rows.field("sensor-1", "temperature", [20.0, 24.0, 22.0])
    rows.field("sensor-1", "wind.speed", [3.0, 4.0, 5.0])

    html = client.get("/sources/sensor-1/").content.decode()

    assert html.count('<path class="mean" d="M') == 2
    assert "lowest 20" in html
    assert "highest 24" in html


def test_a_source_with_capped_fields_says_so(client: Client, rows: Rows) -> None:
    rows.source("many", fields_capped=True)
    rows.source("few")

    assert "more numeric fields than are rolled up" in text_of(client, "/sources/many/")
    assert "more numeric fields than are rolled up" not in text_of(client, "/sources/few/")


def test_a_source_past_its_budget_of_rollups_says_so(client: Client, rows: Rows) -> None:
    rows.source("scattered")
    SourceStatistics.objects.update(rollups_cut_at=NOW)
    rows.source("few")

    assert "more minutes of numeric fields at once than are rolled up" in text_of(client, "/sources/scattered/")
    assert "than are rolled up" not in text_of(client, "/sources/few/")


def test_all_sources_can_be_paged_through(client: Client, rows: Rows) -> None:
    for number in range(130):
        rows.source(f"s{number:03}")

    first = client.get("/sources/").content.decode()
    [cursor] = re.findall(r'href="(\?cursor=[^"]+)" rel="next"', first)
    second = client.get(f"/sources/{cursor}").content.decode()

    assert "s099" in first
    assert "s100" not in first
    assert "s129" in second


@pytest.mark.parametrize("path", PAGES)
def test_no_page_lets_anything_foreign_or_inline_run(client: Client, rows: Rows, path: str) -> None:
    rows.source("sensor-1")
    rows.field("sensor-1", "temperature", [20.0, 24.0])
    rows.event("sensor-1", {"html": "<script>alert(1)</script>"})

    response = client.get(path)
    html = response.content.decode()

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "<script>" not in html
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|(src|href)=\"(https?:)?//", html)


@pytest.mark.faults
def test_without_postgresql_the_pages_say_that_they_cannot_tell(client: Client, site: Deployment) -> None:
    site.servers.postgres.stop()

    # Each page waits for its time to run out.
    overview = text_of(client, "/")

    assert "Unknown." in overview
    assert "Unaccounted –" in overview
    assert "Unknown." in text_of(client, "/sources/")
    assert "Unknown." in text_of(client, "/sources/sensor-1/")


@pytest.mark.parametrize("debug", [True, False])
def test_scripts_and_styles_are_served(site: Deployment, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        client = Client()
        paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/").content.decode())
        answers = {path: client.get(path) for path in paths}

    assert len(answers) == 6
    for path, answer in answers.items():
        assert answer.status_code == 200, path
        assert len(answer.content) == int(answer.headers["Content-Length"])
