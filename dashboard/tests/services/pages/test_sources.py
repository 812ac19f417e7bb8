"""The pages of sources as rendered by the server: the list with the worst first, and one source with its settings."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from dashboard.tests.rows import Rows
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import GroupSources, Key, Source
from processing.models import DeadLetter, Event, LatestValue, LedgerMinute, RollupMinute, SourceStatistics, Topic
from processing.stores import month_partitions
from processing.stores.postgres import connect
from processing.tests.admin_pages import INLINE
from queries.sources.health import habits, index

pytestmark = pytest.mark.services

MINUTE = timedelta(minutes=1)


def present() -> datetime:
    return datetime.now(tz=UTC).replace(microsecond=0)


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    with connect() as owner:
        month_partitions.ensure(owner, {(present() - timedelta(days=days)).replace(day=1) for days in (0, 1)})
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    for model in (Source, SourceStatistics, LedgerMinute, RollupMinute, LatestValue, DeadLetter, Event, Key, User):
        model.objects.all().delete()
    Group.objects.filter(name="bound").delete()
    habits.forget()
    index.forget()


def sends(source: str, *, ago: timedelta = timedelta(seconds=1), failed: int = 0) -> None:
    """Write what a source leaves that sends every minute, last some time ago."""
    now = present()
    last = now - ago
    topic, _ = Topic.objects.get_or_create(kafka_id=UUID(int=7), defaults={"name": "raw"})
    stored = 0 if failed else 20
    SourceStatistics.objects.create(
        source_id=source, first_seen=last - 20 * MINUTE, last_seen=last, latest_event=None if failed else last,
        read=20, stored=stored, dead_lettered=failed,
    )  # fmt: skip
    for number in range(20):
        start = (last - number * MINUTE).replace(second=0)
        LedgerMinute.objects.create(
            source_id=source, minute=start, partition=0, read=1, stored=0 if failed else 1, dead_lettered=1 if failed else 0
        )  # fmt: skip
        if not failed:
            RollupMinute.objects.create(
                source_id=source, field="temperature", start=start, count=1, sum=number, min=number, max=number + 1,
                first=number, first_ts=start, first_id=UUID(int=1), last=number, last_ts=start, last_id=UUID(int=1),
            )  # fmt: skip
            Event.objects.create(
                id=UUID(int=number + 1), source_id=source, ts=last - number * MINUTE, received=last - number * MINUTE,
                stored=now, payload={"temperature": number, "mode": "auto", "ok": True}, topic=topic, partition=0,
                offset=number, line=0, content_hash=0,
            )  # fmt: skip
    if failed:
        DeadLetter.objects.create(
            topic=topic, partition=0, offset=1, line=0, raw=b"?", reason="invalid_timestamp", stage="decode",
            detail="/timestamp: expected RFC 3339", source_id=source, received=now, first_seen=now, last_seen=now,
            fingerprint="f",
        )  # fmt: skip
    else:
        LatestValue.objects.create(source_id=source, field="temperature", value=0, ts=last, event_id=UUID(int=1))


def person(name: str, role: str, *, sources: tuple[str, ...] = ()) -> Client:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=role))
    if sources:
        bound = Group.objects.create(name="bound")
        GroupSources.objects.create(group=bound, patterns=list(sources))
        user.groups.add(bound)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def text(html: str) -> str:
    """What a reader without JavaScript sees."""
    html = re.sub(r"<(template|script|noscript).*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    html: str = answer.content.decode()
    assert not INLINE.findall(html)
    return html


def twin(client: Client, address: str) -> Any:
    return client.get(address).json()


def test_the_list_has_the_worst_first_and_says_why(rows: Rows) -> None:
    sends("well")
    sends("silent", ago=51 * MINUTE)
    sends("gateway", failed=20)
    Source.objects.create(source_id="well", labels={"site": "north", "unit": "V"})
    Source.objects.create(source_id="unheard")
    client = Client()

    html, found = page(client, "/sources/"), twin(client, "/sources.json")

    assert [each["sourceId"] for each in found["sources"]] == ["gateway", "silent", "unheard", "well"]
    assert re.findall(r'class="source"><a href="/sources/([^/]+)/"', html) == ["gateway", "silent", "unheard", "well"]
    said = text(html)
    assert re.search(r"20 of 20 events since \d\d:\d\d:\d\d failed: /timestamp: expected RFC 3339\. Dead letters", said)
    assert re.search(r"Silent for 5\d min; it usually sends every 60 s\.", said)
    assert "Failing 1 Silent 1 New 1 Live 1" in said
    assert 'href="/dead-letters/?source_id=gateway"' in html
    assert "site: north" in said
    assert "unit: V" not in said
    assert text(page(client, "/sources/?state=silent&q=&label=")).count("usually sends") == 1
    assert "No source matches." in text(page(client, "/sources/?q=none"))
    assert [each["sourceId"] for each in twin(client, "/sources.json?label=site:north")["sources"]] == ["well"]
    assert client.get("/sources/?state=ill").status_code == 404


def test_a_source_shows_everything_that_is_known_of_it() -> None:
    sends("well")
    api_keys.create("gateway key", ["ingest"], sources=["we*"], rate="", expires_at=None, by="ann")
    admin = person("ann", "administrator")

    html, found = page(admin, "/sources/well/"), twin(admin, "/sources/well.json")

    said = text(html)
    for each in (
        "Live It usually sends every 60 s.", "temperature", "mode text 100 % auto", "ok boolean 100 % true",
        "gateway key", "Ledger", "Send events", "curl", "lowest 0, highest 20",
    ):  # fmt: skip
        assert each in said, each
    charts = found["charts"]
    assert (charts["interval"], charts["live"], charts["range"], charts["bridged"]) == ("1m", True, "1h", 2)
    assert len(charts["time"]) in {60, 61}
    assert charts["fields"][0]["avg"].count(None) == len(charts["time"]) - 20
    assert found["ledger"][0]["read"] == 1
    assert 'href="/events/?filter=source:well' in html
    compared = twin(admin, "/sources/well/charts.json?range=24h&compare=day")
    assert (compared["interval"], len(compared["fields"][0]["before"])) == ("1m", len(compared["time"]))
    table = page(admin, "/sources/well/?field=temperature&view=table")
    assert text(table).count("1 ") >= 20
    assert table.count('<tr><th scope="row"><time') >= 20
    # A field that is no number has bands, with the value written into them, and a table of its changes.
    assert re.search(r"mode now auto View as table .* auto (19|20) min, 3\d % ok", said)
    assert 'aria-label="ok: true 3' in html
    assert [(run["value"], run["events"]) for run in found["states"]["fields"][0]["runs"]] == [("auto", 20)]
    changes = page(admin, "/sources/well/?field=mode&view=table")
    assert re.search(r"How long Events \S+ \S+ \S+ \S+ auto (19|20) min 20", text(changes))
    # Without scripts, values and times stand beside the lines.
    assert re.search(r'text-anchor="end">20</text>', html)
    assert re.search(r'text-anchor="middle">\d\d:\d\d</text>', html)
    # Who may not read keys is told of none.
    assert "gateway key" not in text(page(person("bob", "viewer"), "/sources/well/"))


def test_of_many_fields_those_are_shown_that_one_chooses(rows: Rows) -> None:
    sends("wide")
    for number in range(30):
        rows.minute("wide", f"sensor.{number:02}", present().replace(second=0) - MINUTE, 1.0)
    client = Client()

    first = page(client, "/sources/wide/")
    chosen = "/sources/wide/?field=sensor.07&field=sensor.28&field=mode&range=6h"
    html, found = page(client, chosen), twin(client, chosen.replace("/?", ".json?"))

    assert "Choose fields: 26 of 33 shown" in text(first)
    assert "7 more numeric fields: choose which" in text(first)
    assert re.findall(r'data-field="([^"]+)"', html) == ["sensor.07", "sensor.28"]
    assert [each["field"] for each in found["states"]["fields"]] == ["mode"]
    assert 'href="?field=sensor.07&amp;field=sensor.28&amp;field=mode&amp;range=24h"' in html
    searched = page(client, f"{chosen}&find=.1")
    assert re.findall(r'name="field" value="([^"]+)"( checked)?> ', searched)[:2] == [
        ("mode", " checked"), ("sensor.07", " checked"),
    ]  # fmt: skip
    assert searched.count('type="checkbox" name="field"') == 13
    assert twin(client, "/sources/wide.json?find=.1")["states"]["fields"]


def test_a_source_whose_events_all_failed_leads_to_its_dead_letters() -> None:
    sends("gateway", failed=20)

    html = page(Client(), "/sources/gateway/")

    assert "20 of 20 events since" in text(html)
    assert 'href="/dead-letters/?source_id=gateway&amp;state=all">20 dead letters</a>' in html
    assert "Nothing stored. Its events became dead letters" in text(html)


def test_an_unknown_source_is_shown_how_to_send_and_turns_into_itself() -> None:
    client = Client()

    before = page(client, "/sources/gauge-1/")
    Source.objects.create(source_id="gauge-1")
    registered = page(client, "/sources/gauge-1/")
    sends("gauge-1")
    after = page(client, "/sources/gauge-1/")

    assert "Nothing from gauge-1 yet." in text(before)
    assert "&quot;sourceId&quot;: &quot;gauge-1&quot;" in before
    assert 'data-refresh="2"' in before
    assert '<meta http-equiv="refresh" content="5">' in before
    assert [re.findall(r'data-known="(\w+)"', each) for each in (before, registered, after)] == [
        ["no"], ["registered"], ["fields"],
    ]  # fmt: skip
    assert "Nothing was received yet." in text(registered)
    assert twin(client, "/sources/other.json") == {"sourceId": "other", "known": False, "refused": []}
    assert client.get("/sources/no%20id/").status_code == 404


def test_a_reader_of_some_sources_sees_nothing_of_others(settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False
    sends("mine")
    sends("other", ago=51 * MINUTE)
    Source.objects.create(source_id="other", labels={"site": "secret"})
    bound = person("bob", "operator", sources=("mine",))

    listed = page(bound, "/sources/")
    hidden, absent = (bound.get(f"/sources/{name}/") for name in ("other", "absent"))

    assert "mine" in listed
    for each in ("other", "secret", "Silent"):
        assert each not in text(listed)
    assert hidden.status_code == absent.status_code == 404
    assert bound.get("/sources/other/charts.json").status_code == 404
    bound.post("/sources/other/edit/", {"labels": "site: mine", "enabled": "on"})
    assert Source.objects.get(pk="other").labels == {"site": "secret"}


def test_settings_are_changed_in_place_by_those_who_may() -> None:
    sends("well")
    Source.objects.create(source_id="well", labels={"site": "north", "unit.pressure": "bar"})
    viewer, operator = person("bob", "viewer"), person("ann", "operator")
    form = {
        "description": "At the gate", "expected": "2.5", "labels": "site: south\nfloor: 2", "unit": "V",
        "unit.temperature": "°C", "enabled": "on",
    }  # fmt: skip

    assert viewer.post("/sources/well/edit/", form).status_code == 403
    assert "Edit" not in text(page(viewer, "/sources/well/"))
    assert operator.get("/sources/well/edit/").status_code == 405
    answer = operator.post("/sources/well/edit/", form, follow=True)

    source = Source.objects.get(pk="well")
    assert (source.description, source.expected_interval, source.enabled) == ("At the gate", 2.5, True)
    assert source.labels == {
        "site": "south", "floor": "2", "unit.pressure": "bar", "unit": "V", "unit.temperature": "°C"
    }  # fmt: skip
    said = text(answer.content.decode())
    assert "Saved." in said
    assert "At the gate" in said
    assert "°C" in said
    for wrong in ({"expected": "soon"}, {"expected": "-1"}, {"labels": "no colon"}, {"labels": "a: " + "x" * 300}):
        refused = operator.post("/sources/well/edit/", {**form, **wrong, "description": "lost"}, follow=True)
        assert "xpected" in text(refused.content.decode()) or "longer" in text(refused.content.decode())
    assert Source.objects.get(pk="well").description == "At the gate"
    operator.post("/sources/well/edit/", {"labels": ""})
    assert not Source.objects.get(pk="well").enabled
    assert twin(operator, "/sources.json")["sources"][0]["state"] == "disabled"
