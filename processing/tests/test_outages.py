"""Whatever stops or freezes under load: everything acknowledged is stored once, and nothing has to be restarted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from uuid import uuid4

import psycopg
import pytest

from deploy.local.server import Server
from deploy.local.site import ProductProcess, Site
from ingestion.tests.client import call, post
from processing.tests import truth
from processing.tests.making import NOON
from processing.tests.reference import Sent

# A client that found no broker leaves a pair of sockets to the garbage collector, which may come in a later test.
pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

IN_A_BATCH = 20  # events
PAUSE = 0.02  # seconds between two batches
NAMES = {"postgres": "PostgreSQL", "mongo": "MongoDB"}
RECOVERY = 40  # seconds; the longest pause between two tries is 12


class Load(threading.Thread):
    """Posts batches until it is told to end; repeats one that was not acknowledged, as a sender should."""

    def __init__(self, door: ProductProcess) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[Sent] = []
        self._door = door
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            batch = [make_event(len(self.acknowledged) + member) for member in range(IN_A_BATCH)]
            while not self._accepted(batch):
                time.sleep(PAUSE)
            self.acknowledged += batch
            self._ended.wait(PAUSE)

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _accepted(self, batch: list[Sent]) -> bool:
        try:
            return post(self._door.url, [truth.as_json(event) for event in batch]).status == 202
        except (OSError, HTTPException):
            return False


def make_event(number: int) -> Sent:
    return Sent(f"load-{number % 11}", str(uuid4()), NOON + number * 250_000, {"n": number, "half": number / 2})


@pytest.fixture
def load(site: Site) -> Iterator[Load]:
    """A sender that has begun."""
    sender = Load(site.start_ingest())
    sender.start()
    yield sender
    sender.end()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
def test_a_store_that_stops_is_waited_for(site: Site, load: Load, name: str) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with away(server(site, name)):
        site.wait_for(lambda: waits_for(consumer) == NAMES[name], 30)
        keeps_sending(site, load)
    site.wait_for(lambda: waits_for(consumer) is None, RECOVERY)

    assert_all_stored_once(site, load)
    assert consumer.running


@pytest.mark.parametrize("name", ["postgres", pytest.param("mongo", marks=pytest.mark.faults)])
def test_a_store_that_freezes_is_waited_for(site: Site, load: Load, name: str) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with frozen(server(site, name)):
        # Longer than a write to MongoDB may take.
        site.wait_for(lambda: call(consumer.url, "GET", "/readyz").status == 503, 30)
        keeps_sending(site, load, seconds=6)
    site.wait_for(lambda: waits_for(consumer) is None, RECOVERY)

    assert_all_stored_once(site, load)
    assert consumer.running


def test_without_redis_nothing_waits(site: Site, load: Load) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with away(site.servers.redis):
        before = len(load.acknowledged)
        site.wait_for(lambda: stored(site) > before + 200, 30)
        assert waits_for(consumer) is None

    assert_all_stored_once(site, load)


def test_a_frozen_kafka_costs_nothing_that_was_acknowledged(site: Site, load: Load) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with frozen(site.servers.kafka):
        # The length of the fault itself: past the session timeout, so that the group forgets its member.
        time.sleep(12)
    before = len(load.acknowledged)
    site.wait_for(lambda: len(load.acknowledged) > before + 200, RECOVERY)

    assert_all_stored_once(site, load)
    assert consumer.running


@pytest.mark.faults
def test_a_restarted_kafka_is_found_again(site: Site, load: Load) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with away(site.servers.kafka):
        pass
    before = len(load.acknowledged)
    site.wait_for(lambda: len(load.acknowledged) > before + 200, RECOVERY)

    assert_all_stored_once(site, load)
    assert consumer.running


@pytest.mark.parametrize("name", ["postgres", pytest.param("mongo", marks=pytest.mark.faults)])
def test_sigterm_while_a_store_is_frozen_exits_in_time(site: Site, load: Load, name: str) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    with frozen(server(site, name)):
        site.wait_for(lambda: call(consumer.url, "GET", "/readyz").status == 503, 30)
        assert consumer.stop(seconds=25) == 0, consumer.log
    site.start_consumer()

    assert_all_stored_once(site, load)


def test_sigterm_under_load_exits_in_time_and_loses_nothing(site: Site, load: Load) -> None:
    consumer = site.start_consumer()
    site.wait_for(lambda: stored(site) > 100, 30)

    assert consumer.stop(seconds=25) == 0, consumer.log
    site.start_consumer()

    assert_all_stored_once(site, load)


def test_a_killed_consumers_partitions_go_to_the_other(site: Site, load: Load) -> None:
    one, other = two_consumers(site)

    one.kill()
    site.wait_for(lambda: len(partitions(other)) == 6, RECOVERY)

    assert_all_stored_once(site, load)


def test_a_frozen_consumer_that_thaws_repeats_nothing(site: Site, load: Load) -> None:
    zombie, other = two_consumers(site)

    zombie.freeze()
    try:
        site.wait_for(lambda: len(partitions(other)) == 6, RECOVERY)
        before = len(load.acknowledged)
        # Its successor gets past whatever it held.
        site.wait_for(lambda: stored(site) > before, RECOVERY)
    finally:
        zombie.thaw()
    site.wait_for(lambda: len(partitions(zombie)) > 0, RECOVERY)

    assert_all_stored_once(site, load)
    assert zombie.running


def two_consumers(site: Site) -> tuple[ProductProcess, ProductProcess]:
    """Two that share the partitions."""
    one, other = site.start_consumer(), site.start_consumer()
    site.wait_for(lambda: divided(partitions(one), partitions(other)), 40)
    return one, other


def divided(one: set[int], other: set[int]) -> bool:
    """Whether each has some, and together they have all; while they are handed over both may show them."""
    return bool(one and other) and len(one | other) == 6 and not one & other


def assert_all_stored_once(site: Site, load: Load) -> None:
    load.end()
    site.wait_for(lambda: truth.caught_up(site), 60)
    site.wait_for(lambda: truth.all_committed(site), 20)

    truth.assert_stored(site, load.acknowledged)
    assert truth.letters(site) == {}
    assert all(read == kept + repeated for read, kept, repeated, _ in truth.totals(site).values())
    assert truth.differences() == []


def keeps_sending(site: Site, load: Load, *, seconds: float = 3) -> None:
    """Let the fault last; the door takes events meanwhile."""
    before, until = len(load.acknowledged), time.monotonic() + seconds
    site.wait_for(lambda: time.monotonic() > until and len(load.acknowledged) > before + 100, 30)


def stored(site: Site) -> int:
    """How many events have rows; 0 while PostgreSQL is away."""
    try:
        with site.servers.postgres.connect(site.name) as connection:
            row = connection.execute("SELECT count(*) FROM events").fetchone()
    except psycopg.OperationalError:
        return 0
    return int(row[0]) if row else 0


def waits_for(consumer: ProductProcess) -> str | None:
    """The store that the consumer says it waits for."""
    reply = call(consumer.url, "GET", "/readyz")
    reason = reply.json["waitingFor"]
    assert reply.status == 503 or reason is None
    return str(reason).partition(":")[0] if reason else None


def partitions(consumer: ProductProcess) -> set[int]:
    return set(call(consumer.url, "GET", "/readyz").json["partitions"])


def server(site: Site, name: str) -> Server:
    found: Server = getattr(site.servers, name)
    return found


@contextmanager
def away(one: Server) -> Iterator[None]:
    one.stop()
    try:
        yield
    finally:
        one.start()


@contextmanager
def frozen(one: Server) -> Iterator[None]:
    one.freeze()
    try:
        yield
    finally:
        one.thaw()
