"""Sends mutated messages over the WebSocket of the live feed."""

from __future__ import annotations

import asyncio
import random

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from deploy.fuzz.sender import PATIENCE, Report, Surprise
from deploy.fuzz.wires import BENDS

MESSAGES = [
    b'{"type":"subscribe","id":"1","channel":"tail","sourceId":"sensor-1"}',
    b'{"type":"subscribe","id":"2","channel":"series","sourceId":"sensor-1","interval":"1h"}',
    b'{"type":"subscribe","id":"\\u0000\\ud800","channel":"series","sourceId":"a\\u0000b"}',
    b'{"type":"unsubscribe","id":"1"}',
    b'{"type":"ack","seq":99999999999999999999}',
    b'{"type":"pause","paused":true}',
]
A_CONNECTION = 50  # messages
INTERNAL_ERROR = 1011  # https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1


async def send_messages(port: int, seed: int, report: Report, *, until: float) -> None:
    """Send messages until a time on the loop's clock. The report counts a closed connection by its code.

    :raises Surprise: the server fails, or takes no new connection
    """
    loop, chance = asyncio.get_running_loop(), random.Random(seed)  # noqa: S311 - to be repeated
    while loop.time() < until:
        message = b""
        try:
            # No limit for what comes back, since nobody reads it.
            address = f"ws://localhost:{port}/ws/live"
            async with connect(address, origin=Origin("http://localhost"), max_queue=None) as feed:
                for _ in range(A_CONNECTION):
                    message = _bent(chance)
                    await feed.send(message.decode(errors="replace") if chance.random() < 0.9 else message)
                    await asyncio.wait_for(await feed.ping(), PATIENCE)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
            report.statuses[code] += 1
            if code == INTERNAL_ERROR:
                raise Surprise("the live feed failed", message) from closed
        except (OSError, TimeoutError) as error:
            raise Surprise("the live feed is silent", message) from error
        else:
            report.statuses[1000] += 1


def _bent(chance: random.Random) -> bytes:
    message = chance.choice(MESSAGES)
    for _ in range(chance.choice((0, 1, 1, 2))):
        message = chance.choice(BENDS[5:])(chance, message) or b"{"
    return message
