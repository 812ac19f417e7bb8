"""Keys for some sources are separate tenants: every address, live channel and kind of reader against the table of access."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import pytest
import redis
from asgiref.sync import async_to_sync
from channels.routing import get_default_application
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from dashboard.live import hub
from dashboard.live.messages import Subscription
from dashboard.live.viewers import Viewer
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from dataflow_site.tests import access, routes, tenants
from dataflow_site.tests.access import ALL, FREE, NO, OWN, READERS, TABLE
from dataflow_site.tests.tenants import OTHERS, SECOND_OWN
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing import live_feed
from processing.ledger import header_reader
from processing.tests import kafka_readers

pytestmark = pytest.mark.services

TENANT = ("key: read, some sources", "key: admin, some sources")
OWN_PLACES = {"source_id": tenants.OWN, "event_id": str(tenants.OWN_EVENT), "number": str(tenants.OWN_LETTER)}
OTHERS_PLACES = {"source_id": OTHERS, "event_id": str(tenants.OTHERS_EVENT), "number": str(tenants.OTHERS_LETTER)}
NO_PLACES = {"source_id": "zulu-1", "event_id": "bbbbbbbb-0000-4000-8000-00000000000f", "number": "99"}
MORE_PLACES = (
    {"event_id": str(tenants.SHARED_EVENT)},
    {"event_id": str(tenants.WAITING_EVENT)},
    {"event_id": str(tenants.OTHERS_WAITING)},
    {"number": str(tenants.MOVED_HERE)},
    {"number": str(tenants.MOVED_AWAY)},
    {"number": str(tenants.OTHERS_JOB)},
)
# Each with the own source, the other tenant's and both, as a client spells it right or wrong.
SPELLINGS = (
    *("source_id={0}", "sourceId={0}", "source_id={1}", "sourceId={1}", "source_id={0}&source_id={1}"),
    *("source_id={1}&source_id={0}", "source_id={0}&sourceId={1}", "sourceId={0}&source_id={1}", "source_id="),
    *("source_id={0},{1}", "source_id[]={0}", "SOURCE_ID={0}", "sourceid={0}", "source={0}", "source-id={0}"),
    *(
        "format=api",
        "format=json&source_id={0}",
        "source_id={0}%00{1}",
        "SourceId={0}&source_id={1}",
        "source__id={0}",
        "source_id__in={1}",
        "_source_id={0}",
    ),
)
BODIES: tuple[object, ...] = (
    {"note": "n", "dryRun": True, "filter": {}},
    {"note": "n", "dryRun": True, "filter": {"sourceId": OTHERS}},
    {"note": "n", "dryRun": True, "ids": [tenants.OTHERS_LETTER]},
    {"note": "n", "dryRun": True},
)


class Answer(NamedTuple):
    """What a reader got."""

    status: int
    text: str  # headers and body


class Listener:
    """A viewer that shows every frame at once, and what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.stored = 0
        self.viewer = Viewer(send=self._hear, close=self._close)

    async def _hear(self, text: str) -> None:
        self.heard.append(text)
        message = json.loads(text)
        if message["type"] == "frame":
            self.viewer.ack(message["seq"])
            self.stored += message["subscriptions"].get("overview", {}).get("sums", {}).get("stored", 0)

    async def _close(self) -> None:
        raise AssertionError("the hub gave up a viewer that acknowledges every frame")


@pytest.fixture(scope="module")
def site_of_two(module_site: Deployment) -> Iterator[Deployment]:
    """A site that is open to nobody, with the data of two tenants."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "DATAFLOW_OPEN_READ", False)
        patch.setattr(header_reader, "MAX_WAIT", 20.0)
        tenants.fill(module_site)
        yield module_site
    kafka_readers.close_all()


@pytest.fixture(scope="module")
def readers(site_of_two: Deployment) -> dict[str, Client]:
    """A client of each kind; the keys for some sources are for the first tenant's."""
    made: dict[str, Client] = {}
    for name in READERS:
        kind, _, some = name.removeprefix("key: ").partition(", ")
        client = Client(raise_request_exception=False)
        if name.startswith("key: "):
            sources = [tenants.OWN, SECOND_OWN] if some else []
            _, token = api_keys.create(f"reader {len(made)}", [kind], sources=sources)
            client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
        elif name != "nobody":
            client.force_login(User.objects.create_user(f"user {len(made)}", is_staff=name == "staff"))
        made[name] = client
    User.objects.filter(is_staff=True).update(is_superuser=True)
    return made


def ask(client: Client, path: str, body: object = None) -> Answer:
    """GET a path, or POST to it if it takes nothing else."""
    answer: HttpResponseBase = client.get(path)
    if answer.status_code == 405 and path.startswith("/api/"):
        answer = client.post(path, json.dumps(body or BODIES[0]), content_type="application/json")
    if isinstance(answer, StreamingHttpResponse):
        content = async_to_sync(whole)(cast("AsyncIterator[bytes]", answer.streaming_content))
    else:
        assert isinstance(answer, HttpResponse)
        content = answer.content
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return Answer(answer.status_code, f"{head}\n\n{content.decode(errors='replace')}")


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def kind_of(answer: Answer, path: str) -> str:
    """Return what an answer is, in the words of the table."""
    text = without_echo(answer.text, path)
    if tenants.leaks(text):
        return ALL
    if tenants.OWN_WORD in text:
        return OWN
    if answer.status in (302, 401, 403) or path.startswith("/admin/"):
        return NO
    return FREE


def filled(template: str, *places: Mapping[str, str]) -> str:
    values = {**routes.SAMPLES, "channel": "tail"}
    for each in places:
        values |= each
    return routes.fill(template, values)


def spelled(path: str) -> Iterator[str]:
    for form in SPELLINGS:
        yield f"{path}?{form.format(tenants.OWN, OTHERS)}"


def test_every_address_is_in_the_table_and_the_table_has_no_other() -> None:
    rows = {template: access.row_of(template) for template in routes.templates()}

    assert [template for template, row in rows.items() if row is None] == []
    assert set(rows.values()) == set(TABLE)


def test_every_reader_gets_at_every_address_what_the_table_says(readers: dict[str, Client]) -> None:
    order = (NO, FREE, OWN, ALL)
    found: dict[str, list[str]] = {row.address: [NO] * len(READERS) for row in TABLE}

    for template in routes.templates():
        row = access.row_of(template)
        assert row
        # A list of the admin tells as much as all of its pages.
        staff_only = template.startswith("/admin/") and not template.endswith(("deadletter/", "job/"))
        # Only whoever may see a job of both tenants' letters sees the one there is.
        place = {"number": str(tenants.OTHERS_JOB)} if template.startswith("/api/jobs/") else {}
        for column, reader in enumerate(READERS):
            if not (staff_only and reader == "staff"):
                path = filled(template, OWN_PLACES, place) if row[1 + column] != ALL else _any(template, place)
                got = kind_of(ask(readers[reader], path), path)
                found[row.address][column] = max(found[row.address][column], got, key=order.index)

    expected = {row.address: list(row[1:]) for row in TABLE}
    assert {address: (got, expected[address]) for address, got in found.items() if got != expected[address]} == {}


def _any(template: str, place: Mapping[str, str]) -> str:
    """Return a path to something of the other tenant, for readers of everything."""
    return filled(template, OTHERS_PLACES, place)


@pytest.mark.parametrize("reader", [*TENANT, "key: ingest", "nobody"])
def test_nothing_of_the_other_tenant_is_in_any_answer_however_it_is_asked_for(
    readers: dict[str, Client], reader: str
) -> None:
    client, found = readers[reader], {}
    for template in routes.templates():
        if template.startswith("/admin/"):
            continue
        row = access.row_of(template)
        assert row
        # Elsewhere it is refused, or answered without data of sources, before anything of the query is read.
        gets_own = row[1 + READERS.index(reader)] == OWN
        paths = [*spelled(filled(template, OWN_PLACES))][: len(SPELLINGS) if gets_own else 6]
        paths += [filled(template, OTHERS_PLACES), filled(template, NO_PLACES)]
        paths += {filled(template, OTHERS_PLACES, more) for more in MORE_PLACES} - {filled(template, OTHERS_PLACES)}
        paths += [filled(template, OWN_PLACES, {"channel": channel}) for channel in ("overview", "series")]
        if gets_own:
            if "<channel>" in template:
                for channel in ("overview", "series"):
                    paths += spelled(filled(template, {"channel": channel}))
            own = set(routes.api_parameters(client, filled(template, OWN_PLACES))) - {"source_id"}
            paths += [f"{filled(template, OWN_PLACES)}?{name}={OTHERS}" for name in sorted(own)]
        for path in dict.fromkeys(paths):
            answer = ask(client, path)
            # What was asked for stands in the answer, in a problem's `instance` and a form's address.
            if answer.status >= 500 or tenants.leaks(without_echo(answer.text, path)):
                found[path] = (answer.status, tenants.leaks(without_echo(answer.text, path)))

    assert found == {}


def without_echo(text: str, path: str) -> str:
    """Leave out the address that was asked for, with its values."""
    for part in {path, path.partition("?")[0], path.replace("&", "&amp;"), quote(path, safe="")}:
        text = text.replace(part, "")
    return text


def test_an_admin_key_for_some_sources_does_nothing_to_dead_letters(readers: dict[str, Client]) -> None:
    paths = [f"/api/dead-letters/{what}" for what in ("redrive/", "discard/")]
    paths += [f"/api/dead-letters/{tenants.OWN_LETTER}/{what}" for what in ("redrive/", "discard/")]

    answers = [ask(readers["key: admin, some sources"], path, body) for path in paths for body in BODIES]

    assert {answer.status for answer in answers} == {403}


def test_what_another_has_and_what_nobody_has_are_answered_alike(readers: dict[str, Client]) -> None:
    different = {}
    for template in filter(routes.has_variables, routes.templates()):
        for reader in TENANT if not template.startswith("/admin/") else ():
            others, unknown = (filled(template, places) for places in (OTHERS_PLACES, NO_PLACES))
            pair = [stripped(ask(readers[reader], path), path, places) for path, places in
                    ((others, OTHERS_PLACES), (unknown, NO_PLACES))]  # fmt: skip
            if pair[0] != pair[1]:
                different[others] = pair

    assert different == {}


def stripped(answer: Answer, path: str, places: Mapping[str, str]) -> tuple[int, str]:
    """Return an answer without what differs between two requests: ids, times, the address and how long it is."""
    head, _, body = answer.text.partition("\n\n")
    kind = next((line for line in head.splitlines() if line.startswith("Content-Type")), "")
    if not body.startswith("{"):
        return answer.status, kind
    found: dict[str, Any] = json.loads(body)
    changing = {"requestId", "instance", "now"}
    return answer.status, kind + repr({name: value for name, value in found.items() if name not in changing})


def test_own_cursors_stay_within_the_own_sources_and_those_of_others_do_not_lead_out(
    readers: dict[str, Client],
) -> None:
    tenant, everyone = readers["key: read, some sources"], readers["key: read"]
    found: dict[str, object] = {}
    for path in ("/data", "/api/sources/", "/api/dead-letters/", "/api/pipeline/ledger/"):
        for query in ("?limit=1", f"?limit=1&source_id={OTHERS}"):
            first = everyone.get(path + query)
            following = first.json().get("next") if first.status_code == 200 else None
            if following is not None:
                answer = ask(tenant, following)
                found[following] = tenants.leaks(without_echo(answer.text.replace(following, ""), following))
    pages = [ask(tenant, f"{path}?limit=1") for path in ("/data", "/api/sources/", "/api/dead-letters/")]

    assert len(found) >= 4
    assert {answer.status for answer in pages} == {200}
    assert [page.text for page in pages if tenants.leaks(page.text)] == []


def test_a_key_for_some_sources_sees_its_own_share_of_every_total(readers: dict[str, Client]) -> None:
    tenant = readers["key: read, some sources"]

    pipeline, ledger = tenant.get("/api/pipeline/").json(), tenant.get("/api/pipeline/ledger/").json()
    overview = tenant.get("/live/overview/").json()["data"]["sample"]
    waiting = tenant.get(f"/api/events/{tenants.WAITING_EVENT}/trace/").json()

    assert pipeline["ledger"]["stored"] == ledger["total"]["stored"] == overview["ledger"]["stored"] == 5
    assert {each["sourceId"] for each in pipeline["sources"]} == {tenants.OWN, SECOND_OWN}
    assert [pipeline[name] for name in ("lag", "consumers", "doors")] == [None, None, None]
    assert (pipeline["held"], pipeline["incidents"], ledger["gaps"], ledger["refusedAtDoors"]) == ([], [], [], None)
    assert pipeline["deadLetters"]["open"] == {"atLeast": 1, "atMost": 1}
    # Something waits in the partition of a source of its own, and how much of it is its own is known to nobody.
    assert (waiting["outcome"], waiting["lag"], waiting["search"]["records"]) == ("in_flight", None, None)
    assert {trace for step in waiting["steps"] for trace in step["traceparents"]} == set()
    assert [row["read"] for row in overview["minutes"]] == [5]


def test_a_key_for_all_sources_sees_the_totals_and_the_trace_contexts_of_a_record(readers: dict[str, Client]) -> None:
    everyone = readers["key: read"]

    pipeline = everyone.get("/api/pipeline/").json()
    waiting = everyone.get(f"/api/events/{tenants.WAITING_EVENT}/trace/").json()

    assert pipeline["ledger"]["stored"] == tenants.NUMBER + 5
    assert waiting["lag"]["records"] == 1
    assert {trace for step in waiting["steps"] for trace in step["traceparents"]} == {tenants.OTHERS_TRACE}


@pytest.mark.parametrize("reader", READERS)
async def test_the_live_socket_opens_for_people_who_are_signed_in_and_for_no_key(
    readers: dict[str, Client], reader: str
) -> None:
    client = readers[reader]
    headers = [(b"origin", b"http://localhost")]
    if "HTTP_AUTHORIZATION" in client.defaults:
        headers.append((b"authorization", str(client.defaults["HTTP_AUTHORIZATION"]).encode()))
    if cookie := client.cookies.get(settings.SESSION_COOKIE_NAME):
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    socket = WebsocketCommunicator(get_default_application(), "/ws/live?source_id=" + tenants.OWN, headers=headers)

    connected, _ = await socket.connect(timeout=10)

    assert connected == (access.SOCKET[1 + READERS.index(reader)] == ALL)
    if connected:
        await socket.send_to(text_data=json.dumps({"type": "subscribe", "id": "t", "channel": "tail"}))
        await socket.send_to(
            text_data=json.dumps({"type": "subscribe", "id": "s", "channel": "series", "sourceId": OTHERS})
        )
        seen: dict[str, bool] = {}
        while len(seen) < 3:
            text = str(await socket.receive_from(timeout=10))
            message = json.loads(text)
            if message["type"] == "snapshot":
                seen[message["id"]] = bool(tenants.leaks(text))
        await socket.disconnect(timeout=5)
        await hub.current().ended()
        assert seen == {"overview": True, "t": True, "s": True}


async def test_the_hub_sends_a_viewer_of_some_sources_nothing_of_the_others(site_of_two: Deployment) -> None:
    live, scope = hub.current(), ReadScope(frozenset({tenants.OWN, SECOND_OWN}))
    tenant, everyone = Listener(), Listener()
    frame = consumer_frame(
        {
            tenants.OWN: source_frame(stored=2, power=(1, 2.0)),
            OTHERS: source_frame(stored=tenants.NUMBER, bravo=(1, 1.0)),
        },
        [tail_event("e1", tenants.OWN), tail_event(str(tenants.OTHERS_EVENT), OTHERS)],
    )

    for listener, reads in ((tenant, scope), (everyone, EVERYTHING)):
        live.join(listener.viewer)
        await live.subscribe(listener.viewer, "overview", Subscription("overview", reads))
        await live.subscribe(listener.viewer, "tail", Subscription("tail", reads))
        await live.subscribe(listener.viewer, "series", Subscription("series", reads, tenants.OWN))
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        async with asyncio.timeout(20):
            while not (tenant.stored and everyone.stored):
                client.publish(live_feed.CHANNEL, live_feed.encode(frame))
                await asyncio.sleep(0.1)
    for listener in (tenant, everyone):
        live.leave(listener.viewer)
    await live.ended()

    assert [text for text in tenant.heard if tenants.leaks(text)] == []
    assert tenant.stored % 2 == 0
    assert tenant.stored < tenants.NUMBER <= everyone.stored
    assert any(tenants.leaks(text) for text in everyone.heard)
