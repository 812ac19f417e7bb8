"""Revisions of logic that take turns, and what is beside them in the tests of faults: consumers, load and history."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from random import Random

from django.db import Error as DatabaseError
from django.db import connection

from deploy.local.processes import CONSUMER, ProcessSpec
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import post
from ingestion.tests.kill_points import KillOrder, KillOrders
from processing.logic.content import Content, SchemaContent
from processing.logic.tables.lookup_table import LookupTable
from processing.tests import expectations, group, logic_revisions
from processing.tests.faults.killable_consumer import POINTS
from processing.tests.faults.load import START, Load, make_event
from processing.tests.logic_revisions import rule
from processing.tests.reference_rollups import Sent

PACE = 2.0  # seconds between two changes of what is current
PATIENCE = 5.0  # seconds for a consumer to reach the point it is to die at
HOUR = 3_600_000_000  # microseconds
BATCH = 500


def save_all() -> list[int]:
    """Save revisions that set, remove, rename, tag, drop, reject, look up and check, and return their numbers; 0 is one."""
    logic_revisions.save_schema("texts", 1, {"properties": {"text": {"type": "string", "maxLength": 6}}})
    logic_revisions.save_table("parity", 1, LookupTable.from_csv(b"odd,name\n0,even\n1,odd\n", key="odd"))
    looked_up = rule("look up", 'set parity = lookup("parity", inner.odd, "name")', "set scale.n = n / 4")
    changing = logic_revisions.save_only(
        rule("double", "set double = n * 2", "tag odd", when="inner.odd == 1"),
        rule("fives", "drop", when="n % 5 == 0"),
        rule("upper", "set text = upper(text)", "remove ok", when="n % 4 == 1"),
    )
    rejecting = logic_revisions.save_only(
        rule("sevens", 'reject "a seven"', when="n % 7 == 0"),
        rule("renamed", "rename level to height", "tag renamed", when="n % 2 == 0"),
        rule("enough", "stop", when="n % 3 == 0"),
        rule("last", "set n = n + 0.5", "tag last"),
    )
    enforcing = logic_revisions.save(
        Content(
            rules=[looked_up, rule("fives", 'reject "a five"', when="n % 5 == 0")],
            schemas=[SchemaContent("texts", 1, ["*"], mode="enforce")],
            tables={"parity": 1},
        )
    )
    warning = logic_revisions.save(
        Content(
            rules=[looked_up, rule("sevens", "drop", when="n % 7 == 0")],
            schemas=[SchemaContent("texts", 1, ["*"], mode="warn", check="after")],
            tables={"parity": 1},
        )
    )
    return [0, changing, rejecting, enforcing, warning]


@contextmanager
def changing(revisions: Sequence[int], rng: Random) -> Iterator[None]:
    """Make another revision current every two seconds."""
    stopping = threading.Event()
    thread = threading.Thread(target=_change, args=(revisions, Random(rng.random()), stopping), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _change(revisions: Sequence[int], rng: Random, stopping: threading.Event) -> None:
    current = None
    while not stopping.wait(PACE):
        current = rng.choice([number for number in revisions if number != current])
        try:
            logic_revisions.activate(current)
        except DatabaseError:
            current = None  # PostgreSQL is frozen or away
        finally:
            connection.close()


@contextmanager
def load(receiver: ProductProcess, rng: Random, acknowledged: list[Sent], *, senders: int = 2) -> Iterator[Load]:
    """Events that keep coming; at the end all have been acknowledged, and are added to the list."""
    running = Load(senders, receiver=lambda: receiver.url, rng=rng, numbers=count(1_000_000))
    running.start()
    try:
        yield running
    except BaseException:
        running.abandon()
        raise
    running.end()
    acknowledged += running.acknowledged


def send_history(receiver: ProductProcess, rng: Random, *, events: int, sources: int = 3) -> list[Sent]:
    """Send events of sources of their own, some in each hour, and return them."""
    history = [_past(rng, number, f"history-{number % sources}") for number in range(events)]
    for start in range(0, events, BATCH):
        batch = [expectations.as_json(event) for event in history[start : start + BATCH]]
        assert post(receiver.url, batch).status == 202
    return history


def _past(rng: Random, number: int, source: str) -> Sent:
    """Make an event whose numbers add up to the same sums in any order, to the last digit."""
    event = make_event(rng, number, source, ts=START + number * HOUR // 10)
    return replace(event, payload={**event.payload, "level": number / 8})


class Consumers:
    """Two consumers, one of which is killed again and again, at a point of its pipeline or at any moment."""

    def __init__(self, site: Deployment, rng: Random) -> None:
        self._site = site
        self._rng = rng
        self._numbers = count()
        self._running = [self._start(), self._start()]

    def kill_one(self) -> None:
        """Kill one, wherever it is or where it is told, and start its successor."""
        victim, orders = self._running.pop(self._rng.randrange(2))
        if self._rng.random() < 0.7:
            orders.give(KillOrder(self._rng.choice(POINTS), signal.SIGKILL, careful=self._rng.random() < 0.3))
            stopping = threading.Event()
            for _ in range(int(PATIENCE / 0.05)):
                if not victim.running or stopping.wait(0.05):
                    break
        if victim.running:
            victim.kill()
        assert victim.exit_code == -signal.SIGKILL, victim.log
        if self._rng.random() < 0.7:
            group.expel_members(self._site.name)
        self._running.append(self._start())

    def _start(self) -> tuple[ProductProcess, KillOrders]:
        path = self._site.folder / f"orders-{next(self._numbers)}"
        arguments = ("-m", "processing.tests.faults.killable_consumer", str(path))
        return self._site.launch(ProcessSpec(CONSUMER.name, CONSUMER.port_setting, arguments)), KillOrders(path)
