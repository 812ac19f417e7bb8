"""Which sources a receiver throttles, by what PostgreSQL says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingestion.auth import source_throttle
from ingestion.auth.source_throttle import SourceThrottle
from ingestion.problems import Code, RequestRejected


class Postgres:
    """What each read returns; None: it does not answer."""

    def __init__(self, *answers: dict[str, float] | None) -> None:
        self._answers = list(answers)
        self.reads = 0

    async def ask(self, _query: Callable[[], Any]) -> dict[str, float]:
        self.reads += 1
        answer = self._answers[min(self.reads, len(self._answers)) - 1]
        if answer is None:
            raise RequestRejected(Code.STORE_UNAVAILABLE, "away")
        return answer


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_throttle, "READ_SECONDS", 0.01)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def with_throttle(postgres: Postgres, test: Callable[[SourceThrottle], Awaitable[None]]) -> None:
    throttle = SourceThrottle(postgres.ask)
    try:
        await test(throttle)
    finally:
        throttle.close()


async def test_what_postgresql_lists_is_throttled_until_it_no_longer_does() -> None:
    async def test(throttle: SourceThrottle) -> None:
        await until(lambda: throttle.failing == {"spoiler"})
        await until(lambda: not throttle.failing)

    await with_throttle(Postgres({"spoiler": 60.0}, {"spoiler": 60.0}, {}), test)


async def test_without_postgresql_a_throttle_ends_at_its_time_and_none_begins() -> None:
    async def test(throttle: SourceThrottle) -> None:
        await until(lambda: throttle.failing == {"short", "long"})
        await until(lambda: throttle.failing == {"long"})

    await with_throttle(Postgres({"short": 0.1, "long": 60.0}, None), test)


async def test_a_rejection_says_when_the_first_of_its_sources_may_send_again() -> None:
    async def test(throttle: SourceThrottle) -> None:
        await until(lambda: throttle.failing)

        rejected = throttle.reject({"spoiler", "other"})

        assert rejected.code == Code.SOURCE_FAILING
        assert dict(rejected.headers) == {b"retry-after": b"20"}

    await with_throttle(Postgres({"spoiler": 60.0, "other": 19.5}), test)


async def test_an_error_of_ours_does_not_end_the_reading() -> None:
    class Broken(Postgres):
        async def ask(self, query: Callable[[], Any]) -> dict[str, float]:
            if not self.reads:
                self.reads = 1
                raise ValueError
            return await super().ask(query)

    async def test(throttle: SourceThrottle) -> None:
        await until(lambda: throttle.failing == {"spoiler"})

    await with_throttle(Broken({"spoiler": 60.0}), test)
