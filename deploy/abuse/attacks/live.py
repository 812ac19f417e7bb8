"""Attacks on the live feed by a person who is signed in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import ATTACKER, HOST, Target, now

SUBSCRIBE = '{"type":"subscribe","id":"%d","channel":"series","sourceId":"' + ATTACKER + '","interval":"1h"}'
OVERVIEW = '{"type":"subscribe","id":"%d","channel":"overview"}'


def _opened(target: Target) -> connect:
    return connect(
        f"ws://{HOST}:{target.web}/ws/live",
        origin=Origin(f"http://{HOST}:{target.web}"),
        additional_headers={"Cookie": target.cookies},
        max_queue=None,
    )


async def wrong_messages(target: Target, until: float) -> None:
    """Wrong messages as fast as they go, and nobody reads the answers."""
    await _flood(target, until, lambda _: "[]")


async def subscribes(target: Target, until: float) -> None:
    """Subscriptions of 16 ids as fast as they go."""
    await _flood(target, until, lambda number: SUBSCRIBE % (number % 16))


async def _flood(target: Target, until: float, message: Callable[[int], str]) -> None:
    loop, number = asyncio.get_running_loop(), 0
    while loop.time() < until:
        with suppress(OSError, TimeoutError, WebSocketException):
            async with _opened(target) as feed:
                while loop.time() < until:
                    number += 1
                    await asyncio.wait_for(feed.send(message(number)), 2.0)
                    if not number % 50:
                        await asyncio.sleep(0)
        await asyncio.sleep(0.5)


async def paused_overviews(target: Target, until: float) -> None:
    """A paused socket with 16 overviews while thousands of sources send."""
    with suppress(OSError, TimeoutError, WebSocketException):
        async with _opened(target) as feed:
            for number in range(16):
                await feed.send(OVERVIEW % number)
            await feed.send('{"type":"pause","paused":true}')
            async with asyncio.TaskGroup() as group:
                group.create_task(_many_sources(target, until))
                group.create_task(_drain(feed, until))


async def _drain(feed: ClientConnection, until: float) -> None:
    with suppress(TimeoutError, WebSocketException):
        async with asyncio.timeout_at(until):
            async for _ in feed:
                pass


async def _many_sources(target: Target, until: float) -> None:
    payload = {f"f{number}": number for number in range(20)}
    wires = []
    for begin in range(0, 20_000, 500):
        events = [
            {"sourceId": f"many-{number}", "timestamp": now(), "payload": payload}
            for number in range(begin, begin + 500)
        ]
        wires.append(exchanges.post(json.dumps(events).encode(), target.free_key))
    await exchanges.ask_until(until, target.ingest, wires, at_once=1)
