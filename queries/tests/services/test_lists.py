"""/api/, /api/sources/, /api/dead-letters/, the schema and its page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ingestion.models import Source
from processing.dead_letters import hexdump
from processing.models import DeadLetter
from queries.tests.stored import NOON, account, get, latest, refused, topic, walk

services = pytest.mark.services


def letter(line: int, *, reason: str = "not_json", source_id: str = "", state: str = "open", raw: bytes = b"{") -> int:
    return DeadLetter.objects.create(
        topic=topic(), partition=1, offset=9, line=line, raw=raw, reason=reason, detail="not JSON", stage="decode",
        source_id=source_id, received=NOON, first_seen=NOON, last_seen=NOON, fingerprint="f", state=state,
    ).id  # fmt: skip


@services
@pytest.mark.usefixtures("site")
def test_a_source_is_shown_with_the_latest_of_each_field() -> None:
    account("sensor-1", read=5, stored=4, duplicate=1)
    latest("sensor-1", [("temperature", 23.5), ("humidity", 45.2)])
    Source.objects.create(source_id="sensor-1", enabled=False, labels={"room": "cellar", "unit.temperature": "°C"})
    account("", read=1, dead_lettered=1)

    [source] = get("/api/sources/")["results"]

    detail = get("/api/sources/sensor-1/")
    assert detail == {**source, "types": detail["types"]}
    assert source == {
        "sourceId": "sensor-1",
        "firstSeen": "2009-04-11T12:00:00Z",
        "lastSeen": "2009-04-11T12:00:00Z",
        "latestEvent": "2009-04-11T12:00:00Z",
        "events": 4,
        "fields": [
            {"name": "humidity", "latest": 45.2, "latestAt": "2009-04-11T12:00:00Z", "unit": None},
            {"name": "temperature", "latest": 23.5, "latestAt": "2009-04-11T12:00:00Z", "unit": "°C"},
        ],
        "fieldsCapped": False,
        "rollupsCutAt": None,
        "enabled": False,
        "labels": {"room": "cellar", "unit.temperature": "°C"},
        "lastHour": {"events": 0, "perSecond": 0.0},
        "lastDay": {"events": 0, "perSecond": 0.0},
        "sparkline": [0] * 24,
    }
    assert refused("/api/sources/unheard/")[0] == 404


@services
@pytest.mark.usefixtures("site")
def test_sources_are_paged_with_few_statements() -> None:
    names = [f"sensor-{number:02}" for number in range(25)]
    for name in names:
        account(name)
        latest(name, [("x", 1.0)])

    with CaptureQueriesContext(connection) as captured:
        page = get("/api/sources/?limit=10")

    # The sources, their labels, their latest values, and the last minutes and the older ones of the ledger.
    assert len(captured) <= 5
    assert [source["sourceId"] for source in walk("/api/sources/?limit=10")] == names
    assert [source["sourceId"] for source in get(get(page["next"])["previous"])["results"]] == names[:10]


@services
@pytest.mark.usefixtures("site")
def test_dead_letters_are_listed_newest_first_and_filtered() -> None:
    first = letter(0, source_id="a")
    second = letter(1, source_id="b", reason="id_conflict", state="parked")
    third = letter(2)

    def numbers(query: str) -> list[int]:
        return [found["id"] for found in walk(f"/api/dead-letters/?{query}")]

    assert numbers("limit=1") == [third, second, first]
    assert numbers("state=parked") == [second]
    assert numbers("reason=not_json") == [third, first]
    assert numbers("source_id=a") == [first]
    assert get("/api/dead-letters/")["results"][0]["sourceId"] is None


@services
@pytest.mark.usefixtures("site")
def test_a_dead_letter_shows_its_bytes_safely() -> None:
    number = letter(0, raw=b'{"a":\x00\xff\x1b[31m\xe2\x80\xae' + b"x" * 5_000)

    shown = get(f"/api/dead-letters/{number}/")

    assert shown["preview"].startswith(r'{"a":\x00\xff\x1b[31m\u202exxx')
    assert (shown["size"], shown["previewTruncated"]) == (5_015, True)
    assert refused("/api/dead-letters/999999/")[0] == 404


def test_a_preview_leaves_text_as_it_is() -> None:
    assert hexdump.whole_text('{"name": "Zoë", "🌡": 1}\n\t'.encode()) == '{"name": "Zoë", "🌡": 1}\n\t'


@services
@pytest.mark.usefixtures("site")
def test_every_address_that_the_root_lists_is_there() -> None:
    for address in get("/api/").values():
        assert Client().get(address).status_code == 200, address


def test_the_schema_is_made_without_a_warning() -> None:
    made = subprocess.run(
        [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json"],
        cwd=Path(settings.BASE_DIR), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (made.returncode, made.stderr) == (0, "")
    assert {"/data", "/api/data/", "/api/pipeline/"} <= set(json.loads(made.stdout)["paths"])


@services
@pytest.mark.usefixtures("site")
def test_the_docs_show_every_operation_and_bring_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs/", headers={"accept": "text/html"})

    text = page.content.decode()
    assert page.status_code == 200
    for operation in ("getData", "aggregateEvents", "getEvent", "listSources", "listDeadLetters", "getPipeline"):
        assert f'id="{operation}"' in text
    assert text.count("<script") == text.count('<script type="module" src="/static/') == 1
    assert "style=" not in text
    assert not [
        part for part in text.split('"') if part.startswith(("http:", "https:", "//")) and urlsplit(part).netloc
    ]


@services
@pytest.mark.usefixtures("site")
def test_the_browsable_pages_bring_nothing_from_elsewhere_nor_inline() -> None:
    for path in ("/api/", "/api/data/", "/api/sources/"):
        text = Client().get(path, headers={"accept": "text/html"}).content.decode()

        assert "<style" not in text
        assert "style=" not in text
        assert "https://" not in text
