"""A deployment for rounds of sending, killing a consumer and catching up, with what must be stored in the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

from deploy.local.processes import ProcessSpec
from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from ingestion.tests.client import post
from ingestion.tests.kill_points import KillOrder, KillOrders
from processing.dead_letters import redrive, rendering
from processing.dead_letters.redrive import Redrive
from processing.models import DeadLetter
from processing.tests import expectations, factories, group
from processing.tests.expectations import Expected
from processing.tests.reference_rollups import Sent

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, microseconds
SOURCES = 7


@dataclass(slots=True)
class KillRounds:
    """One deployment for all rounds; what earlier rounds stored must stay exact too."""

    site: Deployment
    url: str  # of the receiver
    expected: Expected = field(default_factory=Expected)
    numbers: Iterator[int] = field(default_factory=count)
    redrive: Redrive = field(default_factory=Redrive)


def send_round(rounds: KillRounds) -> None:
    """Post events of several sources, one of them twice and one id with two contents; put garbage in the topic.

    Also redrive the dead letter of the previous round, twice, as may happen.
    """
    events = [make_event(next(rounds.numbers)) for _ in range(300)]
    again = events[7]
    conflict = Sent(events[9].source, events[9].id, events[9].ts, {"n": "other"})

    for batch in (events[:200], events[200:], [again], [conflict]):
        assert post(rounds.url, [expectations.as_json(event) for event in batch]).status == 202
    factories.put(rounds.site.raw_topic, b"\xff not an event", headers=[])

    rounds.expected.add(events)
    rounds.expected.duplicates[again.source] += 1
    rounds.expected.letters[conflict.source, "id_conflict"] += 1
    rounds.expected.letters["", "not_json"] += 1
    redrive_conflict(rounds)


def redrive_conflict(rounds: KillRounds) -> None:
    """Send an edited conflict twice, as a worker does that continues the job of a killed one."""
    letter = DeadLetter.objects.filter(reason="id_conflict", state="open").first()
    if letter is None:
        return
    text = rendering.to_editable_text(letter).encode()
    job = redrive.request_edited(letter, text, who="ann", now=timestamps.now(), worker="one")
    rounds.redrive.step(job)
    rounds.redrive._send([letter.pk])

    letter.refresh_from_db()
    sent = rendering.parse_lines(bytes(letter.edited or b""))[0]
    payload = {"n": "other"}
    rounds.expected.add([Sent(sent.source, sent.id, sent.ts, payload), Sent(sent.source, sent.id, sent.ts, payload)])


def make_event(number: int) -> Sent:
    payload = {"n": number, "level": number / 7, "inner": {"odd": number % 2}, "ok": True, "text": "é"}
    # 40 days, so that there are two partitions of the table and many buckets.
    return Sent(
        f"killed-{number % SOURCES}", str(uuid4()), START + number * 11_519_000_000 % (40 * 86_400_000_000), payload
    )


def kill_after(rounds: KillRounds, step: str, *, careful: bool = False) -> None:
    orders = rounds.site.folder / "orders"
    KillOrders(orders).give(KillOrder(step, signal.SIGKILL, careful=careful))
    arguments = ("-m", "processing.tests.faults.killable_consumer", str(orders))
    process = rounds.site.launch(ProcessSpec("killed consumer", "PROCESSOR_SERVICE_PORT", arguments))
    rounds.site.wait_for(lambda: not process.running, 60)
    assert process.exit_code == -signal.SIGKILL, process.log
    group.expel_members(rounds.site.name)


def consume_the_rest(rounds: KillRounds) -> None:
    consumer = rounds.site.start_consumer()
    # A batch that was committed but not published is read again; its committed offsets show the end of that.
    rounds.site.wait_for(lambda: expectations.caught_up(rounds.site) and expectations.all_committed(rounds.site), 60)
    assert consumer.stop() == 0
