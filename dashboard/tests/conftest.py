"""Fixtures of the dashboard's tests: rows as the consumer writes them, and its frames in Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.test import Client

from dashboard.tests.rows import Rows
from deploy.testing.deployment import Deployment
from ingestion.acceptance import heartbeat
from ingestion.acceptance.backpressure import BackpressureState
from ingestion.acceptance.heartbeat import ProcessStatus
from processing import live_feed
from processing.ledger import header_reader
from processing.live_feed import ConsumerFrame
from processing.tests import kafka_readers


class Announcer:
    """Publishes frames as a consumer does."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def publish(self, frame: ConsumerFrame) -> int:
        """Return the number of web processes that received it."""
        return int(self._client.publish(live_feed.CHANNEL, live_feed.encode(frame)))


UNGUARDED = BackpressureState("off", None)


class ReceiverBeats:
    """Writes heartbeats as receiver processes do."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def say(
        self,
        process: str,
        *,
        accepted: int = 0,
        refused: dict[str, int] | None = None,
        guard: BackpressureState = UNGUARDED,
    ) -> None:
        said = ProcessStatus(process, "ingest", 0, accepted / 10, accepted, refused or {}, 0, 0, guard)
        self._client.set(heartbeat.key(process), heartbeat.encode(said), ex=15)
        self._client.sadd(heartbeat.RECEIVERS, process)


@pytest.fixture(autouse=True)
def _no_kafka_client_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every site has topics of its own, so the process would keep a client for each."""
    # A loaded machine takes longer than a page should wait.
    monkeypatch.setattr(header_reader, "MAX_WAIT", 20.0)
    yield
    kafka_readers.close_all()


@pytest.fixture
def rows(site: Deployment) -> Rows:
    return Rows(site.raw_topic)


@pytest.fixture
def announcer(site: Deployment) -> Iterator[Announcer]:
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        yield Announcer(client)


@pytest.fixture
def receiver_beats(site: Deployment) -> Iterator[ReceiverBeats]:
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as client:
        yield ReceiverBeats(client)


@pytest.fixture
def client(site: Deployment) -> Client:
    return Client()
