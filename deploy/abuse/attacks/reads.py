"""Attacks on the web process and on health checks."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from urllib.parse import urlencode

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import ATTACKER, Target

FORM = "application/x-www-form-urlencoded"


async def slow_reads(target: Target, until: float) -> None:
    """64 reads at a time by one reader: aggregates over months, and lists that are followed."""
    wires = [
        exchanges.get(f"/api/data/aggregate/?source_id={ATTACKER}&field=a&interval=1h", key=target.reader),
        exchanges.get(f"/data?source_id={ATTACKER}&limit=1000", key=target.reader),
    ]
    await exchanges.ask_until(until, target.web, wires, at_once=64)


async def traces(target: Target, until: float) -> None:
    """16 traces of made-up ids at a time, for which Kafka is searched."""
    wires = [
        exchanges.get(f"/api/data/{uuid.uuid4()}/trace/?source_id={ATTACKER}", key=target.reader) for _ in range(200)
    ]
    await exchanges.ask_until(until, target.web, wires, at_once=16)


async def sign_in_guesses(target: Target, until: float) -> None:
    """12 guesses of a password at a time."""
    token = "a" * 32
    wires = []
    for number in range(50):
        form = urlencode({"username": "admin", "password": f"guess-{number}", "csrfmiddlewaretoken": token}).encode()
        headers = {"Host": "localhost", "Content-Type": FORM, "Content-Length": str(len(form))}
        headers |= {"Cookie": f"csrftoken={token}"}
        wires.append(exchanges.head("POST", "/sign-in/", headers) + form)
    await exchanges.ask_until(until, target.web, wires, at_once=12)


async def strange_hosts(target: Target, until: float) -> None:
    """Requests with a Host that is not ours, to both HTTP processes."""
    wire = exchanges.get("/", host="evil.example")
    async with asyncio.TaskGroup() as group:
        for port in (target.web, target.ingest):
            group.create_task(exchanges.ask_until(until, port, [wire], at_once=4))


async def silent_peers(target: Target, until: float) -> None:
    """100 connections to each process that send nothing."""

    async def one(port: int) -> None:
        with suppress(OSError, TimeoutError):
            async with exchanges.opened(port):
                await exchanges.rest_until(until)

    async with asyncio.TaskGroup() as group:
        for port in (target.ingest, target.web, target.consumer):
            for _ in range(100):
                group.create_task(one(port))
