"""Attacks by what is in the requests: nests, sources, conflicts, labels, fields, keys."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import ATTACKER, Target, now

NEST = 5_000_000  # bytes before compression
SOURCES_A_REQUEST = 1_000
MADE_UP_KEYS_A_ROUND = 500


def _event(**other: object) -> dict[str, object]:
    return {"sourceId": ATTACKER, "timestamp": now(), "payload": {"a": 1}} | other


async def id_conflicts(target: Target, until: float) -> None:
    """250 events of one id with other contents in a request, at a rate of 300 a minute."""
    identity = str(uuid.uuid4())
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        events = [_event(eventId=identity, payload={"a": time.time() + number}) for number in range(250)]
        await exchanges.ask(target.ingest, exchanges.post(json.dumps(events).encode(), target.key))
        await exchanges.rest_until(min(until, loop.time() + 5.0))


async def made_up_sources(target: Target, until: float) -> None:
    """1,000 new sources a request, of a key that may send only one, and of a key that may send all."""
    numbers = count()
    for key in (target.key, target.free_key):
        for _ in range(110):
            if asyncio.get_running_loop().time() > until:
                return
            events = [_event(sourceId=f"made-up-{next(numbers)}") for _ in range(SOURCES_A_REQUEST)]
            await exchanges.ask(target.ingest, exchanges.post(json.dumps(events).encode(), key))


async def heads_first(target: Target, until: float) -> None:
    """50 heads are sent before the bodies of 1,000 events each, at a rate of one event a minute."""
    body = json.dumps([_event(payload={"a": number}) for number in range(1_000)]).encode()
    wire = exchanges.post(body, target.slow_key)
    start = len(wire) - len(body)

    async def one(go: asyncio.Event) -> None:
        with suppress(OSError, TimeoutError):
            async with exchanges.opened(target.ingest) as (reader, writer):
                writer.write(wire[:start])
                await go.wait()
                writer.write(wire[start:])
                await asyncio.wait_for(reader.readline(), exchanges.PATIENCE)

    while asyncio.get_running_loop().time() < until:
        go = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(one(go))
            await asyncio.sleep(1.0)
            go.set()


async def nests(target: Target, until: float) -> None:
    """5 KB of gzip that are 5 MB of nested JSON, of a key with a rate."""
    texts = [
        b"[[" + b"1," * (NEST // 2) + b"1]]",
        b"[[" + b"[]," * (NEST // 3) + b"[]]]",
        b'[{"":' * (NEST // 5) + b"1" + b"}]" * 1_000,
        b'{"sourceId":"attacker-1","payload":{"a":' + b"[" * (NEST // 2) + b"]" * (NEST // 2) + b"}}",
    ]
    wires = [exchanges.post(gzip.compress(text), target.key, encoding="gzip") for text in texts]
    await exchanges.ask_until(until, target.ingest, wires, at_once=2)


async def labels(target: Target, until: float) -> None:
    """Line protocol with tags of 250 KB, of ever new sources."""
    numbers = count()
    while asyncio.get_running_loop().time() < until:
        tags = ",".join(f"tag{number}={'v' * 1_000}" for number in range(240))
        line = f"m,source=label-{next(numbers)},{tags} a=1".encode()
        await exchanges.ask(
            target.ingest, exchanges.post(line, target.free_key, path="/api/v2/write", kind="text/plain")
        )


async def scattered_fields(target: Target, until: float) -> None:
    """Events of 64 fields, each at another minute: a rollup row for each field."""
    minutes, payload = count(), {f"field{number}": number for number in range(64)}
    while asyncio.get_running_loop().time() < until:
        moments = [datetime.now(UTC) - timedelta(minutes=next(minutes) % 40_000) for _ in range(250)]
        events = [_event(timestamp=moment.isoformat(), payload=payload) for moment in moments]
        await exchanges.ask(target.ingest, exchanges.post(json.dumps(events).encode(), target.free_key))
        await asyncio.sleep(0.25)


async def made_up_keys(target: Target, until: float) -> None:
    """Requests with ever new keys."""
    while asyncio.get_running_loop().time() < until:
        wires = [exchanges.post(b"{}", f"dfe_{uuid.uuid4().hex}") for _ in range(MADE_UP_KEYS_A_ROUND)]
        await exchanges.ask_until(min(until, asyncio.get_running_loop().time() + 1.0), target.ingest, wires, at_once=16)
