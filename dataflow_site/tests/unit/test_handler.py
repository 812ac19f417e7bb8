"""The handler of pages: in which threads it serves requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from channels.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.dispatch import Signal

from dataflow_site.web.handler import PagesHandler


@pytest.fixture
def seen() -> Iterator[dict[Signal, list[int]]]:
    """The threads in which requests began and ended."""
    found: dict[Signal, list[int]] = {request_started: [], request_finished: []}

    def note(signal: Signal, **_: object) -> None:
        found[signal].append(threading.get_ident())

    for signal in found:
        signal.connect(note)
    yield found
    for signal in found:
        signal.disconnect(note)


async def status_of(handler: PagesHandler, path: str) -> int:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"localhost")]}
    client: Any = ApplicationCommunicator(handler, scope)  # type: ignore[no-untyped-call]
    await client.send_input({"type": "http.request", "body": b""})
    begun, body = await client.receive_output(timeout=10), await client.receive_output(timeout=10)
    await client.wait(timeout=10)
    assert body["body"]
    return int(begun["status"])


async def until_idle(handler: PagesHandler) -> None:
    """Wait until the thread that answered waits for work: that is just after its answer, and a request in between has another."""
    deadline = time.monotonic() + 10
    while not handler._threads._idle_semaphore._value:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


async def test_requests_one_after_the_other_are_served_whole_by_one_thread(seen: dict[Signal, list[int]]) -> None:
    handler = PagesHandler()

    statuses = []
    for path in ("/sign-in/", "/nowhere", "/sign-in/"):
        statuses.append(await status_of(handler, path))
        await until_idle(handler)

    assert statuses == [200, 404, 200]
    assert seen[request_started] == seen[request_finished]
    assert len(seen[request_started]) == 3
    assert len(set(seen[request_started])) == 1
    assert threading.get_ident() not in seen[request_started]
