"""A consumer that is killed between any two steps leaves exact stores to its successor."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import pytest

from deploy.local.processes import ProcessSpec
from deploy.testing.deployment import Deployment
from ingestion.tests.client import post
from ingestion.tests.orders import Order, Orders
from processing import loop, pipeline
from processing.letters import redrive
from processing.letters import text as letter_text
from processing.letters.redrive import Redrive
from processing.models import DeadLetter
from processing.tests import group, making, truth
from processing.tests.reference import Sent
from processing.tests.truth import Expected

pytestmark = pytest.mark.services

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, microseconds
SOURCES = 7
SAMPLES = ("transaction", "publish")  # the others are left to `make faults`
STEPS = [step.__name__ for step in (*pipeline.PREPARE, *pipeline.STORE, *pipeline.DELIVER, *loop.FINISH)]


@dataclass(slots=True)
class World:
    """One deployment for all rounds: what earlier rounds stored has to stay exact too."""

    site: Deployment
    door: str
    expected: Expected = field(default_factory=Expected)
    numbers: Iterator[int] = field(default_factory=count)
    redrive: Redrive = field(default_factory=Redrive)


@pytest.fixture(scope="module")
def world(module_site: Deployment) -> Iterator[World]:
    world = World(module_site, module_site.start_ingest().url)
    yield world
    world.redrive._outlet.close()


@pytest.mark.parametrize(
    "step",
    [
        step if step in SAMPLES else pytest.param(step, marks=pytest.mark.faults)
        for step in (*STEPS, "letters", "transaction")
    ],
)
def test_a_kill_after_any_step_leaves_exact_stores(world: World, step: str) -> None:
    send_round(world)

    kill_after(world, step)
    consume_the_rest(world)

    truth.assert_exact(world.site, world.expected)
    assert_closed_once()


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=pytest.mark.faults) for step in ("write_rows", "write_documents", "add_up")]
)
def test_a_kill_on_the_careful_path_leaves_exact_stores(world: World, step: str) -> None:
    send_round(world)

    kill_after(world, step, careful=True)
    consume_the_rest(world)

    truth.assert_exact(world.site, world.expected)
    assert_closed_once()


@pytest.mark.faults
def test_what_the_first_consumer_ever_stored_is_published_though_it_was_killed(site: Deployment) -> None:
    world = World(site, site.start_ingest().url)
    send_round(world)

    kill_after(world, "transaction")
    consume_the_rest(world)

    truth.assert_exact(world.site, world.expected)


def send_round(world: World) -> None:
    """Post events of several sources, one of them twice and one id with two contents; put garbage in the topic.

    And redrive the letter of the round before, twice as it may be.
    """
    events = [make_event(next(world.numbers)) for _ in range(300)]
    again = events[7]
    conflict = Sent(events[9].source, events[9].id, events[9].ts, {"n": "other"})

    for batch in (events[:200], events[200:], [again], [conflict]):
        assert post(world.door, [truth.as_json(event) for event in batch]).status == 202
    making.put(world.site.raw_topic, b"\xff not an event", headers=[])

    world.expected.add(events)
    world.expected.duplicates[again.source] += 1
    world.expected.letters[conflict.source, "id_conflict"] += 1
    world.expected.letters["", "not_json"] += 1
    redrive_conflict(world)


def redrive_conflict(world: World) -> None:
    """Send an edited conflict, twice, as a worker does that takes over from one which was killed."""
    letter = DeadLetter.objects.filter(reason="id_conflict", state="open").first()
    if letter is None:
        return
    text = letter_text.editable(letter).encode()
    job = redrive.request_edited(letter, text, who="ann", now=time.time_ns() // 1000, worker="one")
    world.redrive.step(job)
    world.redrive._send([letter.pk])

    letter.refresh_from_db()
    sent = letter_text.lines_of(bytes(letter.edited or b""))[0]
    payload = {"n": "other"}
    world.expected.add([Sent(sent.source, sent.id, sent.ts, payload), Sent(sent.source, sent.id, sent.ts, payload)])


def assert_closed_once() -> None:
    """No letter is left on its way, and none was closed twice."""
    redriven = DeadLetter.objects.filter(sent_at__isnull=False).order_by("id")
    kinds = [list(letter.actions.values_list("kind", flat=True)) for letter in redriven]
    assert [letter.state for letter in redriven] == ["stored"] * len(redriven)
    assert kinds == [["edited", "stored"]] * len(redriven)


def make_event(number: int) -> Sent:
    payload = {"n": number, "level": number / 7, "inner": {"odd": number % 2}, "ok": True, "text": "é"}
    # 40 days, so that there are two partitions of the table and many buckets.
    return Sent(
        f"killed-{number % SOURCES}", str(uuid4()), START + number * 11_519_000_000 % (40 * 86_400_000_000), payload
    )


def kill_after(world: World, step: str, *, careful: bool = False) -> None:
    orders = world.site.folder / "orders"
    Orders(orders).give(Order(step, signal.SIGKILL, careful=careful))
    arguments = ("-m", "processing.tests.faults.mortal_consumer", str(orders))
    process = world.site.launch(ProcessSpec("killed consumer", "PROCESSOR_SERVICE_PORT", arguments))
    world.site.wait_for(lambda: not process.running, 60)
    assert process.exit_code == -signal.SIGKILL, process.log
    group.expel_members(world.site.name)


def consume_the_rest(world: World) -> None:
    consumer = world.site.start_consumer()
    # A batch that was committed and not published comes again: its offsets tell that it was.
    world.site.wait_for(lambda: truth.caught_up(world.site) and truth.all_committed(world.site), 60)
    assert consumer.stop() == 0
