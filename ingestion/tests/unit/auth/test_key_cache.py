"""What the cache of keys keeps under a flood of made-up ones, with a store of keys in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ingestion.auth import api_keys, tokens
from ingestion.auth.api_keys import Grant
from ingestion.auth.authenticator import KNOWN_SECONDS, REMEMBERED, Authenticator
from ingestion.auth.source_registry import SourceRegistry
from ingestion.problems import Code, RequestRejected

GOOD = Grant("good", frozenset({"ingest"}), None, "5:3600", None)


class Store:
    """The table of keys: one is valid."""

    is_away = False

    async def ask(self, query: Callable[[], Any]) -> Any:
        if self.is_away:
            raise RequestRejected(Code.STORE_UNAVAILABLE, "away")
        return query()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    digest = tokens.digest(token(0))
    monkeypatch.setattr(api_keys, "find", lambda asked: GOOD if asked == digest else None)
    monkeypatch.setattr(Authenticator, "ask", store.ask)
    monkeypatch.setattr(SourceRegistry, "__init__", lambda *_: None)
    monkeypatch.setattr(SourceRegistry, "close", lambda *_: None)
    return store


@pytest.fixture
async def keys(store: Store) -> AsyncIterator[Authenticator]:
    keys = Authenticator()
    keys._listening.cancel()
    yield keys
    keys.close()


def token(number: int) -> bytes:
    return b"dfe_%08x_%040x" % (number, number)


def head(number: int) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + token(number)}


async def flood(keys: Authenticator) -> None:
    for number in range(1, REMEMBERED + 400):
        with pytest.raises(RequestRejected):
            await keys.grant(head(number), "ingest")


async def test_made_up_keys_push_out_neither_a_verdict_nor_a_rate(keys: Authenticator, store: Store) -> None:
    _, bucket = await keys.grant(head(0), "ingest")
    assert bucket is not None
    bucket.take(5)

    await flood(keys)
    store.is_away = True

    with pytest.raises(RequestRejected) as refused:
        await keys.grant(head(0), "ingest")
    assert refused.value.code is Code.RATE_LIMITED
    assert len(keys._unknown) <= 1_000


async def test_a_known_key_goes_on_for_an_hour_without_postgresql(
    keys: Authenticator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keys.grant(head(0), "ingest")
    store.is_away = True
    now = asyncio.get_running_loop().time()

    for hours, code in ((0.9, None), (1.1, Code.STORE_UNAVAILABLE)):
        monkeypatch.setattr(keys, "loop", Clock(now + KNOWN_SECONDS + hours * 3600))
        try:
            await keys.grant(head(0), "ingest")
            found = None
        except RequestRejected as refused:
            found = refused.code
        assert found is code


class Clock:
    """A loop at another time."""

    def __init__(self, now: float) -> None:
        self.time = lambda: now
        self.create_task = asyncio.get_running_loop().create_task
