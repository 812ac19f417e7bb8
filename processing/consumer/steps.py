"""The steps of one batch; docs/delivery.md explains their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future

from psycopg import Rollback
from psycopg.errors import UniqueViolation

from ingestion.events import timestamps
from ingestion.kafka import record_headers
from ingestion.problems import Code
from processing import metrics
from processing.consumer.work import Attempt, Retry, Step, StepResult, Stores, Topic, Work
from processing.errors import ContentRejected, NeedsOperator
from processing.events import decoding, ledger_deltas, skipped_lines
from processing.events.batch import WHOLE, Batch, Letter, Record
from processing.events.entries import Entries, Entry
from processing.events.positions import PartitionId
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.unreadable import UnreadableBatch
from processing.ledger.incidents import PartitionRef
from processing.partitions import failing_sources, misplaced, paused, progress, start_offsets, truncation
from processing.partitions.start_offsets import StartOffset
from processing.stores import row_lookup
from processing.stores.mongodb.document_store import Verdict

logger = logging.getLogger(__name__)

# --- pure: may run ahead while the stores work on the batch before ---


def decode(stores: Stores, work: Work) -> None:
    """Read the records and judge their events by logic; unreadable lines are set aside, repeated identities folded."""
    _stop_before_newer(stores, work)
    work.batch.revision = stores.logic.revision
    judge = work.clock.around("judge", stores.logic.judge, within="decode")
    decoding.decode(work.batch, now=timestamps.now(), judge=judge)


def _stop_before_newer(stores: Stores, work: Work) -> None:
    """Cut each partition before its first record of a newer release, or set that aside where an operator said so."""
    for record in work.batch.records:
        if record.position in work.batch.asides:
            continue
        version = record_headers.version(record.headers) or 0
        if version <= record_headers.FORMAT_VERSION:
            continue
        if stores.breaker.is_lenient(record):
            work.batch.asides[record.position] = {WHOLE: skipped_lines.newer(version)}
        elif record.offset <= work.newer.get(record.partition, record).offset:
            work.newer[record.partition] = record
    if work.newer:
        work.held |= work.newer.keys()
        work.batch.records = [
            record
            for record in work.batch.records
            if record.partition not in work.newer or record.offset < work.newer[record.partition].offset
        ]


def process(stores: Stores, work: Work) -> None:
    """Sum up the numbers of each event, as far as its source's budget goes."""
    work.attempt.allot(work.batch, stores.budget)


# --- inside the batch's transaction ---


def claim(stores: Stores, work: Work) -> StepResult:
    """Lock progress and leave out what another attempt has done already, what is held, and what does not continue it.

    A batch that was judged by a revision of logic which is no longer current is judged anew.
    """
    done = stores.rows.claim(work.batch, work.topic.row)
    with stores.rows.cursor() as cursor:
        stores.logic.follow(cursor, stores.rows.revision)
        held = {number for number, state in paused.read(cursor, work.topic.row, done).items() if state.held}
        lost = {} if work.trial else misplaced.find(work.batch.records, done)
        for number in sorted(lost.keys() - held):
            misplaced.tell(cursor, PartitionRef(work.topic.row, work.topic.name, number), lost[number])
    if lost:
        # What is known of partitions and fields may be gone, too.
        stores.rows.forget()
        held |= lost.keys()
    if held:
        work.held |= held
        work.newer = {number: record for number, record in work.newer.items() if number not in held}
        _keep(stores, work, [record for record in work.batch.records if record.partition not in held])
    below = [record for record in work.batch.records if record.offset < done[record.partition].next_offset]
    if below:
        work.batch.redelivered += below
        above = [record for record in work.batch.records if record.offset >= done[record.partition].next_offset]
        _keep(stores, work, above)
    # PostgreSQL's clock: readers compare it with the time of their first page.
    work.batch.stored_at = stores.rows.began_at
    if work.batch.revision == stores.logic.revision:
        return None
    work.rejudged = True
    _keep(stores, work, work.batch.records)
    return Retry("another revision of logic is current", careful=False)


def write_documents(stores: Stores, work: Work) -> None:
    """Start to write the documents; in careful mode wait for the verdict before any row is written."""
    left = stores.logic.left_by(work.batch, rejudged=work.rejudged)
    if work.batch.asides:
        left += skipped_lines.left_by(work.batch)
    if left:
        stores.documents.discard(left, topic=work.topic.kafka_id.bytes)
    if work.attempt.verdict is None:
        entries = work.batch.entries
        insert = work.clock.around("documents", stores.documents.insert)
        work.attempt.writing = stores.writers.submit(
            insert, entries, topic=work.topic.kafka_id.bytes, requests=work.batch.requests()
        )
    if stores.careful:
        _set_aside(stores, work, _verdict(work))


def write_rows(stores: Stores, work: Work) -> None:
    """Write the rows, concurrently with the documents; in careful mode find out which are new."""
    batch = work.batch
    # Decided already, unless records were left out: the rows record it.
    work.attempt.allot(batch, stores.budget)
    if not stores.careful:
        stores.rows.copy_events(batch, work.topic.row)
        return
    existing = stores.rows.move_events(batch, work.topic.row)
    if existing:
        _compare_existing(stores, work, existing)


def judge_identity(stores: Stores, work: Work) -> StepResult:
    """Wait for the documents; retry if an id exists with other content or at an earlier time, which only MongoDB sees."""
    verdict = _verdict(work)
    if verdict.conflicts or verdict.refused or verdict.retimed:
        _set_aside(stores, work, verdict)
        return Retry("documents exist with other content or time")
    return None


def hold(stores: Stores, work: Work) -> StepResult:
    """Hold each partition with too many dead letters, up to the record that exceeds the limit; and before newer ones.

    A source that has too many of its own is set aside instead, and its partition goes on.
    """
    work.attempt.breaker_update = stores.breaker.evaluate(work.batch)
    trips = work.attempt.breaker_update.trips
    kept = [
        record
        for record in work.batch.records
        if record.partition not in trips or record.offset <= trips[record.partition].offset
    ]
    if len(kept) < len(work.batch.records):
        _keep(stores, work, kept)
        return Retry("a partition is held within the batch")
    with stores.rows.cursor() as cursor:
        for number, trip in sorted(trips.items()):
            paused.hold(cursor, PartitionRef(work.topic.row, work.topic.name, number), trip.reason)
        for number in sorted(work.newer.keys() - trips.keys()):
            progress.hold_newer(cursor, PartitionRef(work.topic.row, work.topic.name, number), work.newer[number])
        failing_sources.set_aside(cursor, work.attempt.breaker_update.failing)
    work.held |= trips.keys()
    return None


def add_up(stores: Stores, work: Work) -> None:
    """Fold what was stored into rollups, statistics, ledger, dead letters and progress."""
    attempt = work.attempt
    spans = attempt.roll_up(work.batch.stored)
    attempt.gains = ledger_deltas.ledger_deltas(work.batch)
    attempt.committed = stores.rows.add_up(work.batch, work.topic.row, spans=spans, gains=attempt.gains)
    if work.repeats == 0 and work.batch.entries:
        stores.careful = False


# --- after the commit ---


def publish(stores: Stores, work: Work) -> None:
    """Publish to processed-data: rows of redelivered records first (they precede in the topic), then those stored now."""
    batch = work.batch
    if batch.redelivered:
        again = Batch(records=batch.redelivered, asides=batch.asides)
        decoding.decode(again, now=timestamps.now())
        with stores.rows.cursor() as cursor:
            found = row_lookup.find_rows(cursor, again.entries, work.topic.row)
        if found:
            stores.delivery.publish(Entries.of(entry for entry, _ in found), [at for _, at in found])
    if batch.stored:
        whole = batch.records if _is_as_read(work) else ()
        stores.delivery.publish(batch.stored, [batch.stored_at] * len(batch.stored), whole=whole)


def _is_as_read(work: Work) -> bool:
    """Return whether the stored events are all lines of the batch's records, each as it stands there.

    An event that a store knew before may have the time of its first copy.
    """
    return len(work.batch.stored) == work.batch.read.total() and not work.repeats


PREPARE: list[Step] = [decode, process]
STORE: list[Step] = [claim, write_documents, write_rows, judge_identity, hold, add_up]
DELIVER: list[Step] = [publish]


def prepare(stores: Stores, work: Work) -> None:
    """Do the pure steps, once; any thread."""
    if not work.attempt.prepared:
        run(PREPARE, stores, work)
        work.attempt.prepared = True


def run(steps: Iterable[Step], stores: Stores, work: Work) -> StepResult:
    """Run steps in order up to one that asks for a retry; `work.step` names the one that ran last."""
    for step in steps:
        work.step = getattr(step, "__name__", "")
        began = time.perf_counter()
        retry = step(stores, work)
        work.clock.note(work.step, time.perf_counter() - began)
        if retry:
            return retry
    return None


def find_starts(
    stores: Stores, partitions: list[int], known_ends: Mapping[PartitionId, int]
) -> tuple[TopicOffsets, dict[int, StartOffset]]:
    """Look up where partitions start, and start to count their dead letters; see processing.partitions.start_offsets.

    :raises StoreUnavailable: a store does not answer; place them again
    :raises NeedsOperator: the same, and someone must act
    """
    ends = stores.log.ask()
    topic = stores.rows.topic_row(ends.topic, ends.name)
    with stores.rows.exclusive_transaction() as cursor:
        starts = start_offsets.find(cursor, topic, ends, partitions, known_ends=known_ends, kafka=stores.log)
        start_offsets.release_readable(cursor, topic, ends.name, starts, version=record_headers.FORMAT_VERSION)
    stores.logic.start(ends.partitions)
    for partition, start in starts.items():
        stores.breaker.start(partition, lenient_until=start.hold.lenient_until)
    stores.crashes.count({number: start.next_offset for number, start in starts.items() if not start.hold.held}, ends)
    return ends, starts


def pass_over(stores: Stores, topic: Topic, passed: Mapping[int, tuple[int, int]]) -> None:
    """Move progress past offsets that hold nothing to read; see processing.partitions.progress."""
    topic.row = topic.row or stores.rows.topic_row(topic.kafka_id, topic.name)
    with stores.rows.cursor() as cursor:
        progress.pass_over(cursor, topic.row, passed)


def find_lost_progress(stores: Stores, topic: Topic, reached: Mapping[int, int]) -> set[int]:
    """Return the partitions whose committed effects are gone, with an incident, or whose last record Kafka has lost.

    :param reached: by partition, the offset up to which effects were committed
    """
    topic.row = topic.row or stores.rows.topic_row(topic.kafka_id, topic.name)
    with stores.rows.cursor() as cursor:
        found = progress.behind(cursor, topic.row, reached)
        for number, at in sorted(found.items()):
            sentence = misplaced.went_back(at, reached[number])
            misplaced.tell(cursor, PartitionRef(topic.row, topic.name, number), sentence)
        last = truncation.read(cursor, topic.row, sorted(reached))
    if found:
        stores.rows.forget()
    # Placing it anew sets it back, with a gap and its incident.
    return {*found, *truncation.find(stores.log, stores.log.ask(), last)}


def hold_unreadable(
    stores: Stores, topic: Topic, passed: Mapping[int, tuple[int, int]], found: Iterable[UnreadableBatch]
) -> dict[int, int]:
    """Hold the partitions whose next batch can't be read, after what was passed; see processing.partitions.progress."""
    pass_over(stores, topic, passed)
    with stores.rows.exclusive_transaction() as cursor:
        return progress.hold_unreadable(cursor, topic.row, topic.name, found)


def store(stores: Stores, work: Work, *, undo: bool = False) -> None:
    """Run the steps of STORE in one transaction; repeat it while a step or PostgreSQL asks for it."""
    if not work.topic.row:
        work.topic.row = stores.rows.topic_row(work.topic.kafka_id, work.topic.name)
    stores.rows.prepare(work.batch, work.topic.row)
    while not _attempt(stores, work, undo=undo):
        # Another revision of logic may keep more events.
        stores.rows.prepare(work.batch, work.topic.row)
    if undo:
        return
    if work.attempt.committed:
        work.attempt.committed()
    stores.breaker.adopt(work.attempt.breaker_update)
    if work.attempt.allotment:
        stores.budget.adopt(work.attempt.allotment)
    stores.recent.add(work.batch.stored)
    stores.logic.note_errors(work.batch.rule_counts, now=time.monotonic())
    stores.logic.pause_failing(stores.rows.exclusive_transaction)


def _attempt(stores: Stores, work: Work, *, undo: bool) -> bool:
    """Run the steps of STORE in one transaction; return whether all of them are done."""
    try:
        retry = _transact(stores, work, undo=undo)
        if retry is None:
            return True
        # The next batches may hold more of the kind.
        stores.careful = stores.careful or retry.careful
    except UniqueViolation as error:
        if stores.careful:
            raise NeedsOperator(f"PostgreSQL: a key is taken: {error.diag.constraint_name}") from error
        stores.careful = True
    except ContentRejected:
        _finish_writing(work)
        _refuse(stores, work)
    finally:
        _finish_writing(work)
    return False


def _transact(stores: Stores, work: Work, *, undo: bool) -> StepResult:
    retry: StepResult = None
    began: float | None = None  # the COMMIT; a transaction that is rolled back has none
    with stores.rows.transaction(undo=undo):
        retry = run(STORE, stores, work)
        if retry:
            # Ends the block and is not raised further.
            raise Rollback
        began = time.perf_counter()
    if began is not None:
        seconds = time.perf_counter() - began
        work.clock.add("commit", seconds)
        metrics.statement_seconds["postgresql", "commit"].observe(seconds)
    return retry


def _verdict(work: Work) -> Verdict:
    attempt = work.attempt
    if attempt.verdict is None:
        assert attempt.writing is not None
        return _note_verdict(work, attempt.writing)
    return attempt.verdict


def _finish_writing(work: Work) -> None:
    """Wait for the documents of an attempt that failed, so that the next does not overtake them."""
    attempt = work.attempt
    if attempt.writing is not None and attempt.verdict is None and not attempt.writing.exception():
        _note_verdict(work, attempt.writing)


def _note_verdict(work: Work, writing: Future[Verdict]) -> Verdict:
    work.attempt.verdict = verdict = writing.result()
    work.repeats += verdict.known
    return verdict


def _set_aside(stores: Stores, work: Work, verdict: Verdict) -> None:
    # PostgreSQL may have refused the same ones already: one letter is enough.
    left = set(work.batch.entries.keys)
    _become_letters(work, [entry for entry in verdict.conflicts if entry.key in left], decoding.conflict)
    _become_letters(work, [entry for entry in verdict.refused if entry.key in left], _refused_by_mongodb)
    if verdict.retimed:
        # The first copy's time stands, so that its row is found. What is rolled up is another object, so it is done again.
        _retime(stores, work, {entry.key: ts for entry, ts in verdict.retimed})
    work.repeats += len(verdict.conflicts)
    verdict.conflicts, verdict.refused, verdict.retimed = [], [], []


def _retime(stores: Stores, work: Work, times: dict[bytes, int]) -> None:
    """Set events to the time of their first copy, and judge them anew: logic may look at the time."""
    retimed = work.batch.entries.at_times(times)
    if not work.batch.revision:
        work.batch.entries = retimed
        return
    again = retimed.select([index for index, key in enumerate(retimed.keys) if key in times])
    judged = stores.logic.judge(again)
    made = {entry.key: entry.made for entry in judged.kept}
    gone = [*judged.dropped, *(found.entry for found in judged.rejected)]
    found = enumerate(made.get(key, one) for key, one in zip(retimed.keys, retimed.made, strict=True))
    entries = retimed.with_made({index: one for index, one in found if one}).without({entry.key for entry in gone})
    if gone:
        stores.documents.discard(gone, topic=work.topic.kafka_id.bytes)
        work.batch.dropped += judged.dropped
        work.batch.letters += map(decoding.rejected, judged.rejected)
    work.batch.entries = entries


def _compare_existing(stores: Stores, work: Work, existing: list[Entry]) -> None:
    """Separate duplicates from conflicts by the rows' hashes; the documents of conflicts are discarded."""
    with stores.rows.cursor() as cursor:
        hashes = row_lookup.content_hashes(cursor, existing)
    conflicts = [entry for entry in existing if hashes.get(entry.key) != entry.hash]
    duplicates = [entry for entry in existing if hashes.get(entry.key) == entry.hash]
    work.batch.duplicates += duplicates
    if conflicts:
        stores.documents.discard(conflicts, topic=work.topic.kafka_id.bytes)
    # Learned for good: should this attempt roll back, the next does not count them again.
    work.repeats += len(existing)
    _leave_out(work, duplicates)
    _become_letters(work, conflicts, decoding.conflict)


def _refuse(stores: Stores, work: Work) -> None:
    """Find the events that PostgreSQL rejects and turn them into dead letters; their documents are discarded first."""
    refused = stores.rows.refusals(work.batch.entries, work.topic.row)
    if not refused:
        raise NeedsOperator("PostgreSQL refuses a batch, but none of its events alone")
    stores.documents.discard(refused, topic=work.topic.kafka_id.bytes)
    _become_letters(work, refused, _refused_by_postgresql)


def _refused_by_mongodb(entry: Entry) -> Letter:
    return decoding.letter(
        entry, reason=Code.REFUSED_BY_STORE, detail="MongoDB can't hold this payload", stage="documents"
    )


def _refused_by_postgresql(entry: Entry) -> Letter:
    return decoding.letter(entry, reason=Code.REFUSED_BY_STORE, detail="PostgreSQL can't hold this event", stage="rows")


def _become_letters(work: Work, entries: list[Entry], letter: Callable[[Entry], Letter]) -> None:
    """Turn events into dead letters, with their copies in the batch, which duplicate nothing that is stored."""
    if not entries:
        return
    gone = {entry.key for entry in entries}
    copies = [entry for entry in work.batch.duplicates if entry.key in gone]
    work.batch.duplicates = [entry for entry in work.batch.duplicates if entry.key not in gone]
    work.batch.letters += map(letter, [*entries, *copies])
    _leave_out(work, entries)


def _keep(stores: Stores, work: Work, records: list[Record]) -> None:
    """Continue with only these records of the batch."""
    work.batch.records = records
    decode(stores, work)
    work.attempt = Attempt(prepared=True)


def _leave_out(work: Work, entries: list[Entry]) -> None:
    gone = {entry.key for entry in entries}
    if gone:
        work.batch.entries = work.batch.entries.without(gone)
