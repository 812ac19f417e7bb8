"""The pages of events, of one event, and the search: what they show, to whom, and what they say when they can't know."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.utils import quote as quote_key
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from dashboard.pages.search import finding
from dashboard.tests.services.pages.test_pages import text_of
from deploy.testing.deployment import Deployment
from ingestion.models import GroupSources
from processing.admin.event_keys import event_key
from processing.models import DeadLetter, Event, LedgerMinute, SourceStatistics
from queries.events import histogram
from queries.reads.postgres import QueryTimeout
from queries.reads.subject import Subject
from queries.tests.stored import NOON, account, make_event, store, store_document, topic

pytestmark = pytest.mark.services

DAY = {"start": "2009-04-11", "end": "2009-04-12"}


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    for model in (Event, DeadLetter, LedgerMinute, SourceStatistics, User):
        model.objects.all().delete()
    Group.objects.filter(name="bound").delete()


@pytest.fixture
def client(site: Deployment) -> Client:
    return Client()


def page(client: Client, **query: str) -> str:
    return client.get(f"/events/?{urlencode(query)}").content.decode()


def twin(client: Client, **query: str) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/events.json?{urlencode(query)}").json()
    return found


def hourly(count: int) -> list[Event]:
    made = [
        make_event(f"plant-{n % 2}", ts=NOON + timedelta(minutes=n), payload={"n": n, "room": {"name": "hall, 7"}})
        for n in range(count)
    ]
    store(*made)
    for source in ("plant-0", "plant-1"):
        account(source)
    return made


def test_the_explorer_shows_what_passes_with_a_histogram_columns_and_pages(client: Client) -> None:
    made = hourly(120)

    shown = page(client, filter="source:plant-1", columns="n,room.name", **DAY)
    data = twin(client, filter="source:plant-1", **DAY)
    second = client.get(
        "/events/" + shown.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    )

    assert shown.count("data-open") == 50
    assert '<td class="cell" data-title="n">119</td><td class="cell" data-title="room.name">hall, 7</td>' in shown
    assert "60 events" in shown
    assert data["histogram"]["total"] == 60  # type: ignore[index]
    assert sum(bar["count"] for bar in data["histogram"]["bars"]) == 60  # type: ignore[index]
    assert next(each["eventId"] for each in data["events"]) == str(made[119].id)  # type: ignore[attr-defined]
    assert second.content.decode().count("data-open") == 10
    assert 'rel="prev"' in second.content.decode()
    assert 'value="asc"' in page(client, order="asc", **DAY)
    assert "http://testserver/api/data/export/?filter=source%3Aplant-1" in shown
    assert "curl -fsS" in shown


def test_what_cannot_be_used_is_named_with_its_place_and_nothing_is_listed(client: Client) -> None:
    hourly(2)

    wrong = text_of(client, f"/events/?{urlencode({'filter': 'late temperature>', **DAY})}")
    wide = text_of(client, f"/events/?{urlencode({'filter': 'n>1', 'start': '2009-01-01', 'end': '2009-12-01'})}")
    times = text_of(client, "/events/?start=yesterday")
    cursor = text_of(client, "/events/?cursor=made-up")
    unknown = text_of(client, "/events/?rnage=1h")

    assert "At character 18: expected a value" in wrong
    assert "needs a source_id, a range of time of at most 31 days" in wide
    assert "start: expected a time with a zone" in times
    assert "cursor: expected one as given" in cursor
    assert "A query parameter is unknown; the nearest one is range" in unknown
    assert "hall, 7" not in wrong + wide + times + cursor + unknown


def test_a_page_of_a_list_is_of_the_list_that_its_address_names(client: Client) -> None:
    hourly(120)
    cursor = str(twin(client, filter="source:plant-1", **DAY)["next"])

    alone = page(client, cursor=cursor)
    other, elsewhen = (
        text_of(client, f"/events/?cursor={cursor}&filter=n=1"),
        page(client, cursor=cursor, start="2009-04-10"),
    )

    assert alone.count("data-open") == 10
    assert 'name="filter" value="source:plant-1"' in alone
    assert "cursor: belongs to a list with another filter" in other
    assert "cursor: belongs to a list with another start_time" in elsewhen
    assert 'value="now-1h"' in page(client, range="1h")


def test_a_histogram_that_takes_too_long_has_the_newest_or_says_about(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        *hourly(120),
        *(make_event("plant-0", ts=NOON - timedelta(hours=9, minutes=n), payload={}) for n in range(10)),
    ]
    store(*made[120:])
    count = histogram._count

    def slow(
        asked: histogram._Asked, subject: Subject, start: datetime, end: datetime, milliseconds: int
    ) -> histogram.Counts:
        if end - start > timedelta(hours=8):
            raise QueryTimeout
        return count(asked, subject, start, end, milliseconds)

    monkeypatch.setattr(histogram, "_count", slow)
    newest, text = twin(client, **DAY)["histogram"], text_of(client, f"/events/?{urlencode(DAY)}")
    for event in made:
        LedgerMinute.objects.create(source_id=event.source_id, minute=event.ts, partition=0, read=1, stored=1)
    about, told = twin(client, **DAY)["histogram"], text_of(client, f"/events/?{urlencode(DAY)}")
    filtered = twin(client, filter="has:n", **DAY)["histogram"]

    assert (newest["kind"], newest["total"], newest["since"]) == ("newest", 120, "2009-04-11T12:00:00Z")  # type: ignore[index]
    assert "120 events since 2009-04-11 12:00" in text
    assert "too many to be counted within two seconds" in text
    assert (about["kind"], about["total"]) == ("about", 130)  # type: ignore[index]
    assert "About 130 events" in told
    assert sum(bar["count"] for bar in about["bars"] if bar["isAbout"]) == 10  # type: ignore[index]
    assert filtered["kind"] == "newest"  # type: ignore[index]


def test_the_live_page_starts_with_the_newest_events_that_pass(client: Client) -> None:
    made = hourly(3)

    whole, some = page(client), page(client, filter="source:plant-1")
    known = client.get("/events/known/?filter=source:plant-1&source=plant").json()

    assert all(str(each.id) in whole for each in made)
    assert str(made[1].id) in some
    assert str(made[2].id) not in some
    assert 'data-filter="source:plant-1"' in some
    assert [each["path"] for each in known["fields"]] == ["n", "room.name"]
    assert set(known["sources"]) == {"plant-0", "plant-1"}
    chosen = page(client, columns="room.name,n")
    assert 'data-title="room.name">hall, 7</td><td class="cell" data-cell="column" data-title="n">2</td>' in chosen
    assert 'name="column" value="n" checked' in chosen
    assert 'data-columns="room.name,n"' in chosen
    polled = client.get("/live/tail/?fields=n").json()
    assert polled["data"]["columns"]["cells"] == [["0"], ["1"], ["2"]]


def test_one_event_shows_its_row_what_was_sent_its_way_and_those_beside_it(client: Client, settings: Settings) -> None:
    made = hourly(5)
    event = made[2]
    store_document(event)
    path = f"/events/plant-0/{event.id}/"

    text, html, data = text_of(client, path), client.get(path).content.decode(), client.get(path[:-1] + ".json").json()
    settings.DATAFLOW_OPEN_READ = False
    viewer = User.objects.create_user("viewer")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    bound = text_of(client, path)

    assert text.index("Received") < text.index("Published to Kafka") < text.index("Published again")
    assert "It is stored." in text
    assert f'href="/events/plant-0/{made[0].id}/" rel="prev"' in html
    assert f'href="/events/plant-0/{made[4].id}/" rel="next"' in html
    assert 'href="/events/?filter=room.name%3D%22hall%2C+7%22"' in html
    assert (data["event"]["payload"]["n"], data["trace"]["outcome"]) == (2, "stored")
    assert "Raw documents are for operators." in bound
    assert "Raw documents" not in text
    assert client.get(f"/events/plant-0/{uuid4()}/").status_code == 404
    assert client.get("/events/plant-0/5/").status_code == 404


def test_the_admin_leads_to_the_page_of_an_event(client: Client) -> None:
    event = hourly(1)[0]
    store_document(event)
    client.force_login(User.objects.create_superuser("operator"))

    of_event = client.get(reverse("admin:processing_event_change", args=[quote_key(event_key(event))])).content.decode()

    assert f'href="/events/plant-0/{event.id}/"' in of_event
    assert f"/logic/rules/new/?event=plant-0/{event.id}" in client.get(f"/events/plant-0/{event.id}/").content.decode()


def make_letter(event_id: UUID | None, *, source_id: str, offset: int = 9) -> DeadLetter:
    return DeadLetter.objects.create(
        topic=topic(), partition=0, offset=offset, line=0, raw=b"{}", reason="id_conflict", detail="", stage="identity",
        source_id=source_id, event_id=event_id, received=NOON, first_seen=NOON, last_seen=NOON, fingerprint="f",
    )  # fmt: skip


def test_an_id_that_was_used_often_leads_to_the_rest_of_its_dead_letters(client: Client) -> None:
    number = uuid4()
    for offset in range(100):
        make_letter(number, source_id="plant-0", offset=offset)

    html = client.get(f"/events/plant-0/{number}/").content.decode()
    rest = html.split('There are <a href="')[1].split('"')[0].replace("&amp;", "&")

    assert html.count('data-stage="dead_lettered"') == 10
    assert "90 more dead letters</a>" in html
    assert rest == f"/dead-letters/?q={number}&state=all"
    assert "100" in text_of(client, rest)


def test_the_search_goes_to_what_is_named_and_lists_what_contains_the_text(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "DAYS", 10_000)
    event = make_event("plant-0", payload={"order": "A-66"})
    store(event)
    store_document(event)
    account("plant-0")
    letter, orphan = make_letter(None, source_id="plant-0"), uuid4()

    def leads(text: str) -> str:
        return client.get(f"/search/?q={quote(text)}").headers["Location"]

    assert leads(str(event.id).upper()) == f"/events/plant-0/{event.id}/"
    assert leads(f" {letter.pk} ") == leads(f"#{letter.pk}") == f"/dead-letters/{letter.pk}/"
    assert leads("plant-0") == "/sources/plant-0/"
    found, none = text_of(client, "/search/?q=a-66"), text_of(client, f"/search/?q={orphan}")
    assert '{"order": "A-66"}' in found.replace("&quot;", '"')
    assert "of the last 10000 days" in found
    assert "plant-0" in text_of(client, "/search/?q=ANT-")
    assert "no event with this id is stored, set aside or waiting" in none
    assert "Nothing was found" in none


def test_a_viewer_of_one_source_finds_nothing_of_others(client: Client, settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False
    made = hourly(4)
    foreign = make_letter(uuid4(), source_id="plant-1")
    user = User.objects.create_user("bound")
    bound = Group.objects.create(name="bound")
    GroupSources.objects.create(group=bound, patterns=["plant-0"])
    user.groups.set([bound, Group.objects.get(name="viewer")])
    client.force_login(user)

    shown = (
        page(client, **DAY)
        + page(client)
        + page(client, filter="source:plant-1", **DAY)
        + page(client, filter="n=1", **DAY)
    )
    known = client.get("/events/known/?source=plant").json()

    assert "/events/plant-0/" in shown
    assert "/events/plant-1/" not in shown
    assert twin(client, **DAY)["histogram"]["total"] == 2  # type: ignore[index]
    assert known["sources"] == ["plant-0"]
    for text in (str(made[1].id), str(foreign.event_id), str(foreign.pk), "plant-1", "1"):
        answer = client.get(f"/search/?q={text}")
        assert (answer.status_code, b"/plant-1/" in answer.content) == (200, False), text
    assert client.get(f"/events/plant-1/{made[1].id}/").status_code == 404
