"""Answers reach those that wait for them, in their order, however they come."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ingestion.kafka.direct.broker_connection import BrokerConnection

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def connected(serve: Serve) -> AsyncIterator[BrokerConnection]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
    host, port = server.sockets[0].getsockname()
    _, connection = await asyncio.get_running_loop().create_connection(BrokerConnection, host, port)
    try:
        yield connection
    finally:
        connection.abort()
        server.close()
        await asyncio.sleep(0.01)  # for both ends to be closed


def ask(connection: BrokerConnection, request: bytes) -> asyncio.Future[bytes | None]:
    answered: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    connection.send(request, answered.set_result)
    return answered


async def gather(*answers: asyncio.Future[bytes | None]) -> list[bytes | None]:
    return [await answer for answer in answers]


def frame(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


async def in_small_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(2)
    for byte in frame(b"first") + frame(b"") + frame(b"third"):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    await reader.read()
    writer.close()
    await writer.wait_closed()


def test_answers_in_pieces_are_put_together_in_the_order_of_the_requests() -> None:
    async def run() -> list[bytes | None]:
        async with connected(in_small_pieces) as connection:
            return await gather(ask(connection, b"a"), ask(connection, b"b"), ask(connection, b""))

    assert asyncio.run(run()) == [b"first", b"", b"third"]


async def with_one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(2)
    writer.write(frame(b"first") + frame(b"second")[:3])
    writer.close()
    await writer.wait_closed()


def test_a_request_whose_connection_is_lost_has_no_answer() -> None:
    async def run() -> tuple[list[bytes | None], bool]:
        async with connected(with_one_answer) as connection:
            answers = await gather(ask(connection, b"a"), ask(connection, b"b"))
            return answers, connection.is_lost

    assert asyncio.run(run()) == ([b"first", None], True)


async def too_long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


def test_what_is_not_kafka_is_cut_off() -> None:
    async def run() -> bytes | None:
        async with connected(too_long) as connection:
            return await ask(connection, b"a")

    assert asyncio.run(run()) is None


def test_a_connection_that_is_replaced_waits_for_its_last_answer() -> None:
    async def run() -> tuple[list[bytes | None], bool]:
        async with connected(in_small_pieces) as connection:
            waiting = [ask(connection, b"a"), ask(connection, b"b"), ask(connection, b"")]
            connection.retire()
            answers = await gather(*waiting)
            await asyncio.sleep(0.05)
            return answers, connection.is_lost

    assert asyncio.run(run()) == ([b"first", b"", b"third"], True)
