"""The WebSocket protocol of the web process, with a client of its own bytes and an application that answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from dataflow_site.web.sockets import PIECE, BoundedWebSocket

TEXT, PING = 0x81, 0x89  # first bytes of frames: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
PONG = b"\x8a\x01!"
ANSWER = re.compile(rb"<[0-9]+>|" + re.escape(PONG))
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SECONDS = 5.0
lengths = st.lists(st.integers(0, 40) | st.integers(PIECE - 200, PIECE + 200) | st.integers(0, 4 * PIECE), max_size=6)
cuts = st.lists(st.integers(1, 200) | st.integers(PIECE - 10, PIECE + 10) | st.integers(1, 20_000), max_size=12)


def masked(opcode: int, payload: bytes) -> bytes:
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes([opcode]) + length + b"\0\0\0\0" + payload


async def counting(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer each message with its length."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"<{len(message['text'])}>"})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = Config(counting, ws="none", ws_per_message_deflate=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedWebSocket(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        server.close()


async def all_is_answered(messages: list[int], pieces: list[int]) -> bool:
    """Send messages of these lengths and a ping in pieces of these lengths; return whether each was answered once."""
    wire = b"".join(masked(TEXT, b"x" * length) for length in messages) + masked(PING, b"!")
    # The pong may come before answers of the application.
    expected = sorted([PONG, *(f"<{length}>".encode() for length in messages)])
    heard = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS), connected() as (reader, writer):
            for piece in pieces:
                writer.write(wire[:piece])
                wire = wire[piece:]
                await asyncio.sleep(0.001)
            writer.write(wire)
            while len(ANSWER.findall(heard)) < len(expected):
                heard += await reader.read(65536)
    return sorted(ANSWER.findall(heard)) == expected


@given(lengths, cuts)
@example([PIECE + 1_000], [])
@settings(max_examples=100, deadline=None)
def test_every_message_and_ping_is_answered_in_whatever_pieces_the_bytes_come(
    messages: list[int], pieces: list[int]
) -> None:
    assert asyncio.run(all_is_answered(messages, pieces))
