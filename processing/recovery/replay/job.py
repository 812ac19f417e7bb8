"""The job that replays events, some seconds in each chunk. It may be killed and repeated."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

import psycopg
from django.db import transaction

from ingestion.auth import source_patterns
from processing.commandline.progress import Progress
from processing.dead_letters import redrive
from processing.dead_letters.filters import LetterFilter
from processing.errors import postgres_errors
from processing.events.entries import Entries
from processing.events.judged import REJECTED
from processing.jobs import queue
from processing.jobs.garbage import without_collections
from processing.jobs.heartbeat import beating
from processing.jobs.queue import JobFailed, JobLost
from processing.kafka.processed_topic import ProcessedTopic
from processing.logic.engine import NO_LOGIC, Logic
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import loading, rows
from processing.logic.revisions.rows import UnknownRevision
from processing.models import DeadLetter, Job
from processing.recovery.rebuild import maintenance, refresh_rollups
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.recount import recount
from processing.recovery.replay import applying, planning, reading
from processing.recovery.replay.planning import ReplayPlan
from processing.recovery.replay.read_ahead import read_ahead
from processing.recovery.replay.reading import Chunk, Place
from processing.replays import past
from processing.replays.request import ReplayRequest
from processing.stores.mongodb.document_store import DocumentStore
from processing.trials import report, schema_changes
from processing.trials.findings import Findings, by_day
from processing.trials.request import TrialRequest

MAX_LETTERS = 100_000  # that one replay redrives
SECONDS = 2.0  # of one step; then the job can be cancelled, and rollups follow

# In the transaction of the chunk's effects.
_SAVE = """
UPDATE job SET done = %s, place = %s::jsonb, message = %s, heartbeat = now()
WHERE id = %s AND worker = %s AND state = 'running'
"""


class Replay:
    """The step of replay jobs; for one thread."""

    def __init__(self) -> None:
        self._logic: dict[int, Logic] = {}

    def step(self, job: Job) -> float | None:
        """Replay for some seconds; see queue.Step."""
        began = time.monotonic()
        wanted = ReplayRequest.of(job)
        with postgres_errors(), beating(job), without_collections(), _session(wanted) as session:
            run = Run.of(job, wanted, session, self._load(session.connection, wanted.revision))
            if wanted.dry_run:
                run.present = self._load(session.connection, run.present_revision)
            before = run.counts["read"]
            self._replay(run, until=began + SECONDS)
            session.refresh()
            self._save_unwritten(run)
            if run.place is None:
                _finish(job, run)
                return None
        read = run.counts["read"] - before
        return max(0.0, read / wanted.rate - (time.monotonic() - began)) if wanted.rate else 0.0

    def _load(self, connection: psycopg.Connection, revision: int) -> Logic:
        if revision not in self._logic:
            try:
                with connection.cursor() as cursor:
                    # No more than two are of use.
                    self._logic = dict([*self._logic.items()][-1:]) | {revision: loading.load(cursor, revision)}
            except (InvalidLogic, UnknownRevision) as error:
                raise JobFailed(f"revision {revision} of logic can't be used: {error}") from error
        return self._logic[revision]

    def _replay(self, run: Run, *, until: float) -> None:
        """Replay chunks to the end, or until a time by `time.monotonic`; each is read while the one before is written."""
        wanted, place, run.place = run.wanted, run.place, None
        if place is None:
            return
        chunks = reading.chunks(
            run.session.reader, run.session.documents, place,
            sources=wanted.sources, since=wanted.since, until=wanted.until,
        )  # fmt: skip
        with closing(read_ahead(chunks, until=until, is_large=attrgetter("is_large"))) as coming:
            for chunk in coming:
                self._take(run, chunk)
                del chunk

    def _take(self, run: Run, chunk: Chunk) -> None:
        found = planning.plan(chunk, run.logic)
        run.place = chunk.end
        run.counts.update({"read": chunk.read, "same": found.same, "damaged": chunk.damaged})
        self._write(run, chunk, found)

    def _write(self, run: Run, chunk: Chunk, found: ReplayPlan) -> None:
        if run.wanted.dry_run:
            run.try_out(chunk.events)
            run.counts.update(changed=len(found.changed))
            run.counts.update(move.after if move.after != planning.STORED else "appeared" for move in found.moved)
        elif found.changed or found.moved:
            assert run.session.held is not None
            with run.session.held.between_batches() as cursor:
                run.counts.update(applying.apply(cursor, found, chunk, revision=run.wanted.revision, replay=run.job.pk))
                if run.wanted.publish and found.changed:
                    run.session.processed.publish(
                        found.changed, [chunk.present[key].stored for key in found.changed.keys]
                    )
                run.save(cursor)
            return
        run.unsaved = True

    def _save_unwritten(self, run: Run) -> None:
        """Save the place after chunks without effects."""
        if run.unsaved:
            with run.session.connection.transaction(), run.session.connection.cursor() as cursor:
                run.save(cursor)


@dataclass(slots=True)
class Session:
    """The connections, and the maintenance lease unless nothing is written."""

    connection: psycopg.Connection
    reader: psycopg.Connection  # with `documents`, for the thread that reads
    held: Maintenance | None
    documents: DocumentStore = field(default_factory=DocumentStore)
    processed: ProcessedTopic = field(default_factory=ProcessedTopic)

    def close(self) -> None:
        self.documents.close()
        self.processed.close()

    def refresh(self) -> None:
        """Recompute the rollups of the hours whose rows were changed."""
        if self.held:
            refresh_rollups.refresh(self.held, progress=Progress())


@contextmanager
def _session(wanted: ReplayRequest) -> Iterator[Session]:
    with recount.connect() as reader:
        if wanted.dry_run:
            with recount.connect() as connection, closing(Session(connection, reader, None)) as session:
                yield session
            return
        with maintenance.session() as held, closing(Session(held.connection, reader, held)) as session:
            yield session


@dataclass(slots=True)
class Run:
    """Where a job has got to, within one step."""

    job: Job
    wanted: ReplayRequest
    session: Session
    logic: Logic
    place: Place | None  # None: at the end
    counts: Counter[str] = field(default_factory=Counter)
    stored: list[list[int]] = field(default_factory=list)  # as the job began
    unsaved: bool = False
    present_revision: int = 0  # that is current as the job begins; a dry run compares with it
    present: Logic = NO_LOGIC
    found: Findings = field(default_factory=Findings)

    @classmethod
    def of(cls, job: Job, wanted: ReplayRequest, session: Session, logic: Logic) -> Run:
        """Continue a job, or begin it."""
        known = job.place
        if not known:
            with session.connection.cursor() as cursor:
                job.total = reading.count(cursor, wanted.sources, wanted.since, wanted.until)
                present = rows.current(cursor).number
                stored = past.stored(cursor)
            queue.advance(job, message="counting")
            return cls(job, wanted, session, logic, Place(""), stored=stored, present_revision=present)
        run = cls(job, wanted, session, logic, known["at"] and Place(*known["at"]), Counter(known["counts"]))
        run.stored = known["stored"]
        run.present_revision, run.found = known["present"], report.from_place(known["found"])
        return run

    def try_out(self, events: Entries) -> None:
        """Count what a dry run finds, as a trial does."""
        for indexes in by_day(events.times):
            self.found.add(events.select(indexes), tried=self.logic, present=self.present)

    def report(self) -> dict[str, object]:
        """Return what `Job.report` has: how many rows change, and of a dry run all that a trial says."""
        rows_changed: dict[str, object] = {"rows": dict(self.counts)}
        if not self.wanted.dry_run:
            return rows_changed
        wanted = self.wanted
        trial = TrialRequest(wanted.revision, wanted.sources, wanted.since, wanted.until)
        schemas = schema_changes.changes(self.logic.content, self.present.content)
        return {
            **report.shape(trial, self.found, tried=self.logic, present=self.present, schemas=schemas),
            **rows_changed,
        }

    def save(self, cursor: psycopg.Cursor) -> None:
        """Save the place in the transaction of the effects.

        :raises JobLost: another worker has the job
        """
        found = report.to_place(self.found) if self.wanted.dry_run else None
        place = {
            "at": self.place and list(self.place),
            "counts": dict(self.counts),
            "stored": self.stored,
            "present": self.present_revision,
            "found": found,
        }
        values = [self.counts["read"], json.dumps(place), summary(self.counts, dry_run=self.wanted.dry_run)]
        if not cursor.execute(_SAVE, [*values, self.job.pk, self.job.worker]).rowcount:
            raise JobLost
        self.unsaved = False
        self.job.place, self.job.done, self.job.message = place, self.counts["read"], str(values[2])


def _finish(job: Job, run: Run) -> None:
    message = summary(run.counts, dry_run=run.wanted.dry_run)
    if run.wanted.letters and not run.wanted.dry_run and (ids := _open_letters(run.wanted)):
        redriven = redrive.request(LetterFilter(ids=ids), who=job.who, note=f"replay {job.pk}")
        message += f"; job {redriven.pk} redrives {len(ids):,} dead letters"
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(report=run.report())
        queue.advance(job, done=run.counts["read"] - job.done, message=message)


def _open_letters(wanted: ReplayRequest) -> tuple[int, ...]:
    """Return the open letters that logic made of events of the sources."""
    found = DeadLetter.objects.filter(reason__in=sorted(REJECTED), state=DeadLetter.State.OPEN).order_by("id")
    return tuple(
        number
        for number, source in found.values_list("id", "source_id")[:MAX_LETTERS]
        if not wanted.sources or any(source_patterns.matches(pattern, source) for pattern in wanted.sources)
    )


def summary(counts: Counter[str], *, dry_run: bool) -> str:
    """Return a replay's counts as a sentence."""
    would = "would " if dry_run else ""
    parts = [
        f"{counts['read']:,} events read",
        f"{counts['changed']:,} {would}change",
        f"{counts['appeared']:,} {would}appear",
        f"{counts['dropped']:,} {would}be dropped",
        f"{counts['rejected']:,} {would}be rejected",
    ]
    if counts["damaged"]:
        parts.append(f"{counts['damaged']:,} left alone: no intact document")
    return ", ".join(parts)
