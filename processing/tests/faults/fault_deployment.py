"""One deployment that goes through faults: what it stored before has to stay exact too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from deploy.local.processes import CONSUMER, INGEST, ROOT, ProcessSpec
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import call, post
from ingestion.tests.kill_points import KillOrder, KillOrders
from processing.tests import expectations, factories, group
from processing.tests.expectations import Expected, Identity
from processing.tests.faults import loss_report
from processing.tests.faults.load import PAUSE, Load, canonical, make_event
from processing.tests.reference_rollups import Sent

PARTITIONS = 6
SENDERS = 2
FULL = 12_000  # events, from which on looking at all of them takes longer than a new site
RECOVERY = 60  # seconds; the longest pause between two tries is 12, and the machine may be busy


@dataclass
class World:
    """A site with a receiver and a consumer that die by order, and all that was sent to it."""

    site: Deployment
    folder: Path
    note: Callable[[str, object], None]  # for the table of faults
    expected: Expected = field(default_factory=Expected)
    numbers: Iterator[int] = field(default_factory=count)
    reconciles: bool = False  # as a command too, in a process of its own
    pause: float = PAUSE  # seconds between two batches of one sender
    grown: bool = False  # the topics have got partitions
    # Its stores are as expected: the next test may go on with it.
    sound: bool = True
    _before: int = 0  # events of the tests before
    _receiver: ProductProcess | None = None
    _consumer: ProductProcess | None = None

    @property
    def used_up(self) -> bool:
        return not self.sound or len(self.expected.events) > FULL

    @property
    def receiver(self) -> ProductProcess:
        """The receiver, started if there is none."""
        if self._receiver is None or not self._receiver.running:
            self.start_receiver()
        assert self._receiver is not None
        return self._receiver

    @property
    def consumer(self) -> ProductProcess:
        """The consumer, started if there is none."""
        if self._consumer is None or not self._consumer.running:
            self.start_consumer()
        assert self._consumer is not None
        return self._consumer

    def start_receiver(self, env: Mapping[str, str] | None = None) -> None:
        uvicorn = INGEST.arguments[2:]
        arguments = ("-m", "ingestion.tests.killable_receiver", str(self.folder / INGEST.name), *uvicorn)
        receiver = self.site.start(ProcessSpec(INGEST.name, INGEST.port_setting, arguments), env)
        self.site.wait_for(lambda: call(receiver.url, "GET", "/readyz").status == 200, 30)
        self._receiver = receiver

    def start_consumer(self, env: Mapping[str, str] | None = None, *, understands: str | None = None) -> None:
        """Start the consumer; one that was killed before is no longer waited for."""
        if self._consumer is not None and self._consumer.exit_code == -signal.SIGKILL:
            group.expel_members(self.site.name)
        version = (understands,) if understands else ()
        arguments = ("-m", "processing.tests.faults.killable_consumer", str(self.folder / CONSUMER.name), *version)
        self._consumer = self.site.start(ProcessSpec(CONSUMER.name, CONSUMER.port_setting, arguments), env)

    def address(self) -> str:
        """Where a sender sends its next batch."""
        return self._receiver.url if self._receiver else ""

    def restart(self, *, receiver: Mapping[str, str] | None = None, consumer: Mapping[str, str] | None = None) -> None:
        """Stop them in order and start them with other settings; None: leave it as it is."""
        if receiver is not None:
            self.receiver.stop()
            self.start_receiver(receiver)
        if consumer is not None:
            assert self.consumer.stop() == 0
            self.start_consumer(consumer)

    @contextmanager
    def load(self, rng: Random, *, senders: int = SENDERS) -> Iterator[Load]:
        """Events that keep coming, some of which are stored already; at the end all have been acknowledged."""
        assert self.receiver.running
        assert self.consumer.running
        self.sound = False
        load = Load(senders, receiver=self.address, rng=rng, numbers=self.numbers, pause=self.pause)
        load.start()
        try:
            enough = rng.randrange(20, 200)
            self.site.wait_for(lambda: len(load.acknowledged) > enough, RECOVERY)
            yield load
        except BaseException:
            load.abandon()
            raise
        load.end()
        self.expected.add(load.acknowledged)

    def litter(self, rng: Random) -> None:
        """Send what becomes dead letters and duplicates: the same twice, other content under one id, garbage."""
        event = make_event(rng, next(self.numbers), "littered")
        conflict = Sent(event.source, event.id, event.ts, {"other": next(self.numbers)})
        for one in (event, event, conflict):
            self.send(one)
        self.expected.add([event, event])
        self.expected.letters[event.source, "id_conflict"] += 1
        self.put_garbage(b"\xff not an event")

    def send(self, event: Sent) -> None:
        """Send one event until it is acknowledged."""
        self.site.wait_for(lambda: self._accepts(event), RECOVERY)

    def put_garbage(self, line: bytes, *, reason: str = "not_json") -> None:
        """Put a line into the topic, past the receiver, of which nothing can be read."""
        factories.put(self.site.raw_topic, line, headers=[])
        self.expected.letters["", reason] += 1

    def put_refused_row(self, rng: Random, *, among: int) -> None:
        """Put a record into the topic, one of whose events PostgreSQL can't hold."""
        partition = rng.randrange(PARTITIONS)
        source = f"refusing-{partition}"
        events = [make_event(rng, next(self.numbers), source) for _ in range(among)]
        lines = [canonical(event) for event in events]
        offender = rng.randrange(among)
        lines[offender] = lines[offender].replace(b'"ok": true', b'"ok": "\\u0000"')
        factories.put(self.site.raw_topic, *lines, partition=partition)
        self.expected.add(event for number, event in enumerate(events) if number != offender)
        self.expected.letters[source, "refused_by_store"] += 1

    def goes_on(self, load: Load, *, seconds: float = 0.0, events: int = 100) -> None:
        """Wait until the receiver has taken more, and for so long at least."""
        before, until = len(load.acknowledged), time.monotonic() + seconds
        self.site.wait_for(lambda: time.monotonic() > until and len(load.acknowledged) > before + events, RECOVERY)

    def recovers(self, load: Load, *, since: float | None = None) -> None:
        """Wait until every sender is served again and what was sent until then is stored; note how long it took.

        :param since: when the fault began or ended (time.monotonic); None: now
        """
        began, before = since or time.monotonic(), load.batches
        self.site.wait_for(lambda: all(now > then for now, then in zip(load.batches, before, strict=True)), RECOVERY)
        ends = self.site.raw_ends()
        self.site.wait_for(lambda: reached(expectations.progress(self.site), ends), RECOVERY)
        self.note("recovery", round(time.monotonic() - began, 1))

    def dies(self, process: ProductProcess, order: KillOrder, *, meanwhile: Callable[[], None] | None = None) -> None:
        """Order a process to end, and wait until it has."""
        orders = KillOrders(self.folder / process.name)
        orders.give(order)
        if meanwhile:
            meanwhile()
        self.site.wait_for(lambda: not process.running, RECOVERY)
        orders.withdraw()
        # Uvicorn ends in order and then gives way to the signal once more.
        in_order = -signal.SIGTERM if process.name == INGEST.name else 0
        assert process.exit_code == (in_order if order.signal is signal.SIGTERM else -order.signal), process.log

    def forgo(self, gone: Iterable[Identity]) -> None:
        """Expect nothing of events that a gap accounts for."""
        for identity in gone:
            del self.expected.events[identity]

    def assert_exact(self) -> None:
        """Wait until nothing is in flight; then lost, phantom and doubled are 0, and all else is as it was sent."""
        self.site.wait_for(
            lambda: expectations.caught_up(self.site) and expectations.all_committed(self.site), RECOVERY
        )
        found = loss_report.judge(self.site, self.expected)
        self.note("events", found.events - self._before)
        for name in ("lost", "phantom", "doubled"):
            self.note(name, getattr(found, name))
        assert (found.lost, found.phantom, found.doubled) == (0, 0, 0)
        loss_report.assert_all_right(self.site, self.expected, grown=self.grown)
        if self.reconciles:
            self.manage("reconcile")
        self._before = found.events
        self.sound = True

    def manage(self, *words: str) -> None:
        """Run one of the operator's commands, which must find everything well."""
        command = [sys.executable, "manage.py", *words, "--json"]
        done = subprocess.run(command, cwd=ROOT, env=self.site.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _accepts(self, event: Sent) -> bool:
        try:
            return post(self.receiver.url, expectations.as_json(event)).status == 202
        except OSError:
            return False


def reached(progress: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return all(progress.get(partition, 0) >= end for partition, end in ends.items())


def waits_for(consumer: ProductProcess) -> str | None:
    """What the consumer says it waits for, up to the colon."""
    reply = call(consumer.url, "GET", "/readyz")
    reason = reply.json["waitingFor"]
    assert reply.status == 503 or reason is None
    return str(reason).partition(":")[0] if reason else None
