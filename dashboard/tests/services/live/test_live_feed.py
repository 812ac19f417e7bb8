"""The live feed over a WebSocket: snapshots, frames, acknowledgements and outages."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from channels.routing import get_default_application
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient

from dashboard.live import hub, messages
from dashboard.tests.conftest import Announcer
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from dashboard.tests.rows import NOON, Rows
from deploy.testing.deployment import Deployment
from processing.ledger import incidents
from processing.models import Incident

pytestmark = pytest.mark.services

Message = dict[str, Any]
OURS = [(b"origin", b"http://localhost")]


class Client:
    """A browser's side of the socket; acks what it hears unless told not to."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None, *, query: str = "") -> None:
        self.socket = WebsocketCommunicator(
            get_default_application(), f"/ws/live{query}", headers=OURS if headers is None else headers
        )
        self.acks = True

    async def connect(self) -> bool:
        connected, _ = await self.socket.connect(timeout=5)
        return connected

    async def say(self, **message: object) -> None:
        await self.socket.send_to(text_data=json.dumps(message))

    async def hear(self, seconds: float = 10) -> Message:
        message: Message = json.loads(await self.socket.receive_from(timeout=seconds))
        if message["type"] == "frame" and self.acks:
            await self.say(type="ack", seq=message["seq"])
        return message

    async def hear_until(self, wanted: Callable[[Message], object], seconds: float = 10) -> Message:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = await self.hear(deadline - time.monotonic())
            if wanted(message):
                return message
        raise AssertionError(f"not heard within {seconds} s")

    async def close(self) -> None:
        await self.socket.disconnect(timeout=5)


def is_frame(message: Message) -> bool:
    return bool(message["type"] == "frame")


def is_live(message: Message) -> bool:
    return (message["type"], message.get("name"), message.get("state")) == ("event", "feed", "live")


def stored(message: Message) -> int:
    return int(message["subscriptions"]["overview"]["sums"]["stored"]) if is_frame(message) else 0


@pytest.fixture
async def client(site: Deployment) -> AsyncIterator[Client]:
    made = Client()
    assert await made.connect()
    yield made
    await made.close()
    await hub.current().ended()


async def test_the_overview_is_subscribed_from_the_start_in_the_first_version(client: Client) -> None:
    welcome = await client.hear()
    snapshot = await client.hear_until(lambda message: message["type"] == "snapshot")

    assert (welcome["type"], welcome["version"], welcome["window"], welcome["interval"]) == ("welcome", 1, 8, 250)
    assert (snapshot["id"], snapshot["channel"]) == ("overview", "overview")
    assert snapshot["data"]["sample"]["ledger"]["unaccounted"] == 0


async def test_the_status_is_sent_when_it_changes_and_nothing_that_was_not_asked_for(
    site: Deployment, announcer: Announcer
) -> None:
    client = Client(query=f"?version={messages.VERSION}")
    assert await client.connect()
    welcome = await client.hear()
    await client.hear_until(is_live)
    await client.say(type="subscribe", id="s", channel="status")
    snapshot = await client.hear_until(lambda message: message["type"] == "snapshot")

    announcer.publish(consumer_frame({"a": source_frame(stored=5)}))
    await client.hear_until(lambda message: message["type"] == "heartbeat")
    await sync_to_async(incidents.open_incident)(Incident.Kind.DISK, "kafka", "the volume is full")
    frame = await client.hear_until(lambda message: is_frame(message) and status_of(message)["tone"] != "good")
    await sync_to_async(incidents.close_incident)(Incident.Kind.DISK, "kafka")
    again = await client.hear_until(is_frame)
    await client.close()
    await hub.current().ended()

    assert welcome["version"] == messages.VERSION
    assert (snapshot["id"], snapshot["data"]["status"]["word"], snapshot["data"]["notices"]) == ("s", "Healthy", [])
    assert set(frame["subscriptions"]) == {"s"}
    assert [each["title"] for each in frame["subscriptions"]["s"]["notices"]] == ["A volume fills up: kafka"]
    assert status_of(again)["tone"] == "good"


def status_of(message: Message) -> Message:
    return cast("Message", message["subscriptions"]["s"]["status"])


async def test_a_tail_is_told_what_was_stored_since_it_was_heard_last(site: Deployment, rows: Rows) -> None:
    before = NOON
    for number in range(60):
        await sync_to_async(rows.event)(
            "a" if number % 2 else "b", {"n": number}, stored=before + timedelta(seconds=number)
        )
    since = before.isoformat().replace("+00:00", "Z")

    both = await AsyncClient().get("/live/tail/", {"since": since})
    one = await AsyncClient().get("/live/tail/", {"since": since, "source_id": "a"})
    wrong = await AsyncClient().get("/live/tail/", {"since": "yesterday"})
    status = await AsyncClient().get("/live/status/")

    found = both.json()["data"]
    assert (found["seen"], found["atLeast"], found["shown"]) == (59, 59, 50)
    assert found["columns"]["preview"][-1] == '{"n": 59}'
    assert (one.json()["data"]["seen"], one.json()["data"]["shown"]) == (30, 30)
    assert wrong.status_code == 400
    assert status.json()["data"]["status"]["word"] == "Healthy"


async def test_what_consumers_publish_arrives_added_up(client: Client, announcer: Announcer) -> None:
    await client.hear_until(is_live)

    for member in range(2):
        announcer.publish(consumer_frame({"a": source_frame(stored=5 + member, at=1_000, x=(1_000, member))}))

    counted = 0
    while counted < 11:
        counted += stored(await client.hear_until(stored))
    assert counted == 11


async def test_a_client_that_acks_nothing_hears_eight_frames_and_then_one_wide_one(
    client: Client, announcer: Announcer
) -> None:
    client.acks = False
    await client.hear_until(is_live)
    counted, published, seqs = 0, 0, []

    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        announcer.publish(consumer_frame({"a": source_frame(stored=1)}))
        published += 1
        if not await client.socket.receive_nothing(timeout=0.05):
            message = await client.hear()
            counted += stored(message)
            seqs += [message["seq"]] if is_frame(message) else []
    await client.say(type="ack", seq=8)
    while counted < published:
        counted += stored(await client.hear_until(stored))

    assert seqs == list(range(1, 9))
    assert counted == published


async def test_one_source_can_be_followed(client: Client, announcer: Announcer, rows: Rows) -> None:
    await sync_to_async(rows.source)("a")
    await sync_to_async(rows.field)("a", "temperature", [20.0, 21.0])
    await client.hear_until(is_live)

    await client.say(type="subscribe", id="s", channel="series", sourceId="a")
    snapshot = await client.hear_until(lambda message: message["type"] == "snapshot" and message["id"] == "s")
    await sync_to_async(rows.minute)("a", "humidity", NOON, 40.0)
    at = round(NOON.timestamp() * 1_000_000)
    announcer.publish(consumer_frame({"a": source_frame(stored=1, humidity=(at, 40.0)), "b": source_frame(stored=9)}))
    frame = await client.hear_until(lambda message: is_frame(message) and "s" in message["subscriptions"])
    moved = await client.hear_until(
        lambda message: is_frame(message) and message["subscriptions"].get("s", {}).get("buckets", {}).get("field")
    )

    assert snapshot["data"]["buckets"]["avg"] == [20.0, 21.0]
    assert frame["subscriptions"]["s"]["columns"] == {"field": ["humidity"], "at": [at // 1000], "value": [40.0]}
    assert frame["subscriptions"]["s"]["sums"] == {"stored": 1}
    assert "humidity" in moved["subscriptions"]["s"]["buckets"]["field"]


async def test_the_newest_events_can_be_followed(client: Client, announcer: Announcer) -> None:
    await client.hear_until(is_live)
    await client.say(type="subscribe", id="t", channel="tail")
    await client.hear_until(lambda message: message["type"] == "snapshot" and message["id"] == "t")

    announcer.publish(consumer_frame({"a": source_frame(stored=70)}, [tail_event("e1", "a")]))

    frame = await client.hear_until(lambda message: is_frame(message) and "t" in message["subscriptions"])
    tail = frame["subscriptions"]["t"]
    assert (tail["seen"], tail["shown"], tail["columns"]["eventId"]) == (70, 1, ["e1"])


async def test_what_is_unsubscribed_is_heard_no_more(client: Client, announcer: Announcer) -> None:
    await client.hear_until(is_live)
    await client.say(type="subscribe", id="t", channel="tail")
    await client.hear_until(lambda message: message["type"] == "snapshot" and message["id"] == "t")
    await client.say(type="unsubscribe", id="t")
    await client.say(type="ack", seq=-1)

    announcer.publish(consumer_frame({"a": source_frame(stored=1)}, [tail_event("e1", "a")]))

    frame = await client.hear_until(stored)
    assert "t" not in frame["subscriptions"]


async def test_nonsense_is_answered_with_an_error_and_the_feed_goes_on(client: Client) -> None:
    await client.socket.send_to(text_data="{nonsense")
    error = await client.hear_until(lambda message: message["type"] == "error")

    assert error["code"] == "invalid_message"
    assert await client.hear_until(lambda message: message["type"] in {"frame", "heartbeat"})


@pytest.mark.faults
async def test_without_redis_the_feed_says_so_and_shows_samples(client: Client, site: Deployment, rows: Rows) -> None:
    await client.hear_until(is_live)

    await asyncio.to_thread(site.servers.redis.stop)

    await client.hear_until(lambda message: (message.get("name"), message.get("state")) == ("feed", "sampling"))
    await sync_to_async(rows.source)("late", stored=77)
    await client.hear_until(
        lambda message: (
            is_frame(message)
            and message["subscriptions"]["overview"].get("sample", {}).get("ledger", {}).get("stored") == 77
        )
    )
    # Not in a thread of the loop: a server ends with the thread that started it.
    site.servers.redis.start()
    await client.hear_until(is_live, seconds=20)


@pytest.mark.parametrize("headers", [[], [(b"origin", b"http://evil.example")], [(b"origin", b"null")]])
async def test_a_foreign_or_missing_origin_is_refused(site: Deployment, headers: list[tuple[bytes, bytes]]) -> None:
    assert not await Client(headers).connect()


async def test_nothing_runs_without_viewers(site: Deployment) -> None:
    client = Client()
    await client.connect()
    await client.close()

    await hub.current().ended()

    assert not hub.current().running


@pytest.mark.parametrize("fate", ["blocks", "is gone"])
async def test_a_client_whose_connection_takes_nothing_holds_up_no_other(site: Deployment, fate: str) -> None:
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    sent, is_stuck = 0, asyncio.Event()

    async def send(message: Message) -> None:
        nonlocal sent
        sent += 1
        if sent > 2:
            is_stuck.set()
            if fate == "blocks":
                await asyncio.Event().wait()
            raise OSError("the client is gone")  # as ASGI 2.4 says

    template = WebsocketCommunicator(get_default_application(), "/ws/live", headers=OURS)
    application = cast("Any", get_default_application())
    stuck = asyncio.create_task(application(template.scope, incoming.get, send))
    await asyncio.wait_for(is_stuck.wait(), 3)
    client = Client()
    assert await client.connect()

    for _ in range(2):
        await client.hear_until(lambda message: message["type"] in {"frame", "heartbeat"}, 3)

    assert hub.current().running
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await asyncio.wait_for(stuck, 3)
    await client.close()
