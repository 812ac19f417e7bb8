"""Sockets of the live feed that are closed: by their user's sign-in, and by what they send."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from pytest_django import Settings

from dashboard.live import hub, sign_in
from dashboard.live.messages import MAX_SUBSCRIPTIONS
from dashboard.live.socket_limits import MESSAGES_AT_ONCE, CloseCode
from dashboard.tests.services.live.test_live_feed import OURS, Client
from deploy.testing.deployment import Deployment

pytestmark = pytest.mark.services


async def closed_with(client: Client, seconds: float = 15) -> int:
    """Read until the server closes the socket, and return its code."""
    deadline = time.monotonic() + seconds
    while True:
        message = await client.socket.receive_output(timeout=deadline - time.monotonic())
        if message["type"] == "websocket.close":
            return int(message["code"])


@pytest.fixture
async def connect(site: Deployment) -> AsyncIterator[Callable[..., Any]]:
    opened: list[Client] = []

    async def make(headers: list[tuple[bytes, bytes]] | None = None) -> Client:
        client = Client(headers)
        assert await client.connect()
        opened.append(client)
        return client

    yield make
    for client in opened:
        if not client.socket.future.done():
            await client.close()
    await hub.current().ended()


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def session_deleted(user: User) -> None:
    Session.objects.all().delete()


def password_changed(user: User) -> None:
    user.set_password("another one")
    user.save()


@pytest.mark.parametrize("end", [deactivated, session_deleted, password_changed])
async def test_a_socket_ends_with_its_sign_in(
    connect: Callable[..., Any],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[User], None],
) -> None:
    settings.DATAFLOW_OPEN_READ = False
    monkeypatch.setattr(sign_in, "RECHECK_SECONDS", 0.2)
    user = await sync_to_async(User.objects.create_user)("viewer", password="secret")
    browser = Browser()
    await sync_to_async(browser.force_login)(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    client = await connect([*OURS, (b"cookie", cookie.encode())])
    await client.hear_until(lambda message: message["type"] == "snapshot")
    # Checked some times meanwhile.
    for _ in range(2):
        await client.hear_until(lambda message: message["type"] in {"frame", "heartbeat"})

    await sync_to_async(end)(user)

    assert await closed_with(client) == CloseCode.SIGNED_OUT


async def test_who_sends_only_wrong_messages_is_closed(connect: Callable[..., Any]) -> None:
    client = await connect()

    for _ in range(25):
        await client.socket.send_to(text_data="nonsense")

    assert await closed_with(client) == CloseCode.TOO_MANY_FAULTS


async def test_who_sends_too_many_messages_is_closed_and_reads_few_snapshots(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    reads = 0
    read = hub.current().subscribe

    async def counted(*args: Any) -> None:
        nonlocal reads
        reads += 1
        await read(*args)

    monkeypatch.setattr(hub.current(), "subscribe", counted)

    for _ in range(MESSAGES_AT_ONCE + 50):
        await client.say(type="subscribe", id="1", channel="series", sourceId="a")

    assert await closed_with(client) == CloseCode.TOO_MANY
    assert reads < 10


async def test_a_socket_has_so_many_subscriptions_and_may_replace_and_end_them(connect: Callable[..., Any]) -> None:
    client = await connect()

    # Beside the one to the overview.
    for number in range(MAX_SUBSCRIPTIONS):
        await client.say(type="subscribe", id=f"{number}", channel="tail")
    error = await client.hear_until(lambda message: message["type"] == "error")
    assert error["code"] == "too_many_subscriptions"

    await client.say(type="subscribe", id="0", channel="series", sourceId="a")
    await client.hear_until(lambda message: message["type"] == "snapshot" and message["channel"] == "series")
    await client.say(type="unsubscribe", id="1")
    await client.say(type="subscribe", id="another", channel="tail")
    await client.hear_until(lambda message: message["type"] == "snapshot" and message["id"] == "another")


@pytest.mark.parametrize("asked", ["0", "3", "two"])
async def test_a_version_that_is_not_spoken_is_refused_with_a_code_of_its_own(site: Deployment, asked: str) -> None:
    client = Client(query=f"?version={asked}")
    assert await client.connect()

    assert await closed_with(client) == CloseCode.OTHER_VERSION


async def test_a_user_has_so_many_sockets_and_others_still_get_theirs(
    connect: Callable[..., Any], settings: Settings
) -> None:
    settings.DATAFLOW_LIVE_SOCKETS = 2
    first, second, third = [await connect() for _ in range(3)]

    assert await closed_with(third) == CloseCode.TOO_MANY
    for client in (first, second):
        await client.hear_until(lambda message: message["type"] == "snapshot")
    await first.close()
    fourth = await connect()
    await fourth.hear_until(lambda message: message["type"] == "snapshot")
