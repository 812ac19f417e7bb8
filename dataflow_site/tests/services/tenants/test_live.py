"""The live feed shows each viewer what the viewer's groups name, now and after they change."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import redis
from channels.routing import get_default_application
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from dashboard.live import hub
from dashboard.live.messages import Subscription
from dashboard.live.viewers import Viewer
from dashboard.tests.consumer_frames import consumer_frame, source_frame, tail_event
from dataflow_site.tests import access, tenants
from dataflow_site.tests.access import ALL, FREE, NO, OWN
from dataflow_site.tests.tenant_readers import ABSENT, EVERYONE, column_of
from dataflow_site.tests.tenants import OTHERS, SECOND_OWN
from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.models import GroupSources
from processing import live_feed
from queries.tests.stored import account

pytestmark = pytest.mark.services

FRAME = consumer_frame(
    {
        tenants.OWN: source_frame(stored=2, power=(1, 2.0)),
        OTHERS: source_frame(stored=tenants.NUMBER, bravo=(1, 1.0)),
    },
    [tail_event("e1", tenants.OWN), tail_event(str(tenants.OTHERS_EVENT), OTHERS)],
)
# What a viewer subscribes to beside the overview, by id.
WANTED = {
    "tail": {"channel": "tail"},
    "own": {"channel": "series", "sourceId": tenants.OWN},
    "theirs": {"channel": "series", "sourceId": OTHERS},
    "nobodys": {"channel": "series", "sourceId": ABSENT},
    "tail of theirs": {"channel": "tail", "sourceId": OTHERS},
    "tail of nobodys": {"channel": "tail", "sourceId": ABSENT},
}


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


def socket_of(client: Client) -> WebsocketCommunicator:
    headers = [(b"origin", b"http://localhost")]
    if "HTTP_AUTHORIZATION" in client.defaults:
        headers.append((b"authorization", str(client.defaults["HTTP_AUTHORIZATION"]).encode()))
    if cookie := client.cookies.get(settings.SESSION_COOKIE_NAME):
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    return WebsocketCommunicator(get_default_application(), "/ws/live?source_id=" + tenants.OWN, headers=headers)


async def subscribe(socket: WebsocketCommunicator) -> None:
    for identity, wanted in WANTED.items():
        await socket.send_to(text_data=json.dumps({"type": "subscribe", "id": identity, **wanted}))


async def next_message(socket: WebsocketCommunicator) -> Any:
    """Return the next message that is no heartbeat; a frame is acknowledged."""
    while True:
        message = json.loads(str(await socket.receive_from(timeout=10)))
        if message["type"] == "frame":
            await socket.send_to(text_data=json.dumps({"type": "ack", "seq": message["seq"]}))
        if message["type"] not in {"heartbeat", "welcome", "event"}:
            return message


async def snapshots(socket: WebsocketCommunicator) -> dict[str, Any]:
    """Wait for the snapshot of each subscription."""
    found: dict[str, Any] = {}
    while len(found) <= len(WANTED):
        message = await next_message(socket)
        if message["type"] == "snapshot":
            found[message["id"]] = message
    return found


async def frames(socket: WebsocketCommunicator, *, until: str) -> list[Any]:
    """Publish what both tenants do, until a frame has something of a subscription; return the frames up to it."""
    heard: list[Any] = []
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        async with asyncio.timeout(20):
            while not any(until in each.get("subscriptions", {}) for each in heard):
                client.publish(live_feed.CHANNEL, live_feed.encode(FRAME))
                heard.append(await next_message(socket))
    return heard


async def close(socket: WebsocketCommunicator) -> None:
    await socket.disconnect(timeout=5)
    await hub.current().ended()


@pytest.mark.parametrize("reader", EVERYONE)
async def test_the_live_socket_opens_for_people_who_are_signed_in_and_for_no_key(
    readers: dict[str, Client], reader: str
) -> None:
    socket, expected = socket_of(readers[reader]), access.SOCKET[column_of(reader)]

    connected, _ = await socket.connect(timeout=10)

    assert connected == (expected != NO)
    if not connected:
        return
    await subscribe(socket)
    started = await snapshots(socket)
    leaking = {identity for identity, message in started.items() if tenants.leaks(json.dumps(message["data"]))}
    assert leaking == ({"overview", "tail", "theirs", "tail of theirs"} if expected == ALL else set())
    # What is of others looks like what is nobody's.
    for channel, of_others in (("theirs", expected == ALL), ("tail of theirs", expected == ALL)):
        nobodys = started[channel.replace("theirs", "nobodys")]
        assert (started[channel]["data"] != nobodys["data"]) == of_others
    assert (started["own"]["data"] is not None) == (expected in {ALL, OWN})

    if expected != FREE:
        heard = await frames(socket, until="own")
        assert bool(tenants.leaks(json.dumps(heard))) == (expected == ALL)
    await close(socket)


async def test_an_open_socket_follows_its_user_s_groups_and_the_sources_that_appear(site_of_two: Deployment) -> None:
    user = await User.objects.acreate(username="follower")
    client = Client()
    await client.aforce_login(user)
    group = await Group.objects.acreate(name="followers")
    bound = await GroupSources.objects.acreate(group=group, patterns=["alpha-*"])
    socket = socket_of(client)
    assert (await socket.connect(timeout=10))[0]
    await subscribe(socket)
    before = await snapshots(socket)

    async def until_snapshot(identity: str) -> Any:
        async with asyncio.timeout(15):
            while True:
                message = await next_message(socket)
                if message["type"] == "snapshot" and message["id"] == identity:
                    return message["data"]

    await user.groups.aadd(group)
    joined = await until_snapshot("own")
    await asyncio.to_thread(account, "alpha-9")
    appeared = await until_snapshot("overview")
    bound.patterns = ["nobody-*"]
    await bound.asave()
    taken = await until_snapshot("own")
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)
    async with asyncio.timeout(15):
        closed = await socket.receive_output(timeout=10)
        while closed["type"] != "websocket.close":
            closed = await socket.receive_output(timeout=10)
    await close(socket)

    assert before["own"]["data"] is None
    assert joined["source"]["events"] == 3
    assert "alpha-9" in json.dumps(appeared)
    assert taken is None
    assert closed["code"] == 4401


async def test_the_hub_sends_a_viewer_of_some_sources_nothing_of_the_others(site_of_two: Deployment) -> None:
    live, scope = hub.current(), ReadScope(frozenset({tenants.OWN, SECOND_OWN}))
    tenant, everyone = Listener(), Listener()

    for listener, reads in ((tenant, scope), (everyone, EVERYTHING)):
        live.join(listener.viewer)
        await live.subscribe(listener.viewer, "overview", Subscription("overview", reads))
        await live.subscribe(listener.viewer, "tail", Subscription("tail", reads))
        for source in (tenants.OWN, OTHERS):
            await live.subscribe(listener.viewer, source, Subscription("series", reads, source))
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        async with asyncio.timeout(20):
            while not (tenant.stored and everyone.stored):
                client.publish(live_feed.CHANNEL, live_feed.encode(FRAME))
                await asyncio.sleep(0.1)
    for listener in (tenant, everyone):
        live.leave(listener.viewer)
    await live.ended()

    own = [text.replace(f'"id":"{OTHERS}"', "") for text in tenant.heard]
    assert [text for text in own if tenants.leaks(text)] == []
    assert tenant.stored % 2 == 0
    assert tenant.stored < tenants.NUMBER <= everyone.stored
    assert any(tenants.leaks(text) for text in everyone.heard)
