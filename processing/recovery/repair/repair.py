"""Repair what reconcile found: first events, then the rollups and counts derived from them, until all agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.errors import postgres_errors
from processing.events import decoding
from processing.events.batch import Entry, Letter
from processing.kafka.topic_reader import TopicReader
from processing.recovery.rebuild import documents, maintenance_lock, refresh_rollups
from processing.recovery.rebuild.documents import Filler
from processing.recovery.rebuild.row_writer import RowWriter
from processing.recovery.reconcile import reconcile
from processing.recovery.reconcile.reconcile import Comparison, Report
from processing.recovery.recount import readers, recount, reread
from processing.recovery.repair import repair_sql
from processing.stores import letter_writer, row_sql
from processing.stores.document_store import DocumentStore

MAX_PASSES = 5  # one repair may uncover the next; more than three passes were never needed
_DOCUMENTS_PER_CHUNK = 250  # with payloads of up to 256 KiB each
_RECORDS_PER_CHUNK = 50  # each may hold a thousand events

MEANINGS = {
    "rowsDiscarded": "rows with changed content deleted, to be restored",
    "documentsDiscarded": "documents without a row or line deleted",
    "rowsFromDocuments": "rows restored from documents",
    "eventsFromKafka": "events stored again from Kafka",
    "lettersFromKafka": "dead letters restored from Kafka",
    "documentsFromKafka": "documents restored from Kafka",
    "documentsFromRows": "documents restored from rows",
    "hours": "hours of sources rolled up again",
    "latestValues": "latest values refreshed",
    "ledgerMinutes": "rows of the ledger corrected",
    "statistics": "sources' totals corrected",
    "partitions": "partitions' counts corrected",
}


@dataclass(slots=True)
class Repaired:
    """What was done, and the report of a last recount."""

    report: Report
    done: Counter[str] = field(default_factory=Counter)  # by the names of MEANINGS; in a dry run, what would be done


def run(scope: EventRange, *, dry_run: bool, progress: Progress) -> Repaired:
    """Repair everything, and count again, until all agree or nothing more can be done.

    :param scope: what the report covers, by the time received
    :raises StoreUnavailable: a store does not answer; what was repaired stays
    :raises NeedsOperator: an operator must act, or another command holds the maintenance lock
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    done: Counter[str] = Counter()
    with postgres_errors():
        for number in range(MAX_PASSES):
            progress.advance("passes of recount and repair", number)
            report, repaired = _pass(dry_run=dry_run, progress=progress, last=number == MAX_PASSES - 1)
            done += repaired
            if dry_run or not repaired:
                break
    if scope != EventRange():
        report = reconcile.run(scope, progress=progress)
    return Repaired(report, done)


def _pass(*, dry_run: bool, progress: Progress, last: bool) -> tuple[Report, Counter[str]]:
    with recount.session() as connection, TopicReader() as reader:
        connection.execute(repair_sql.TABLES)
        if not dry_run:
            maintenance_lock.lock(connection)
        with recount.snapshot(connection) as at:
            found = reconcile.compare(connection, reader, at, EventRange(), progress)
            if found.report.ok or last:
                return found.report, Counter()
            plan(connection, found)
        with RepairStores(connection, reader, found) as stores:
            return found.report, _planned(stores, progress) if dry_run else _repair(stores, progress)


def plan(connection: psycopg.Connection, found: Comparison) -> None:
    """Fill the tables of the plan, in the snapshot of the recount."""
    for statement in repair_sql.PLAN.values():
        connection.execute(statement, found.parameters)
    documents.find(connection, EventRange())
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO repair_progress VALUES (%s, %s, %s)", found.uncounted)


def _planned(stores: RepairStores, progress: Progress) -> Counter[str]:
    """Count what would be done. One repair may cause or avoid others, which is not predicted."""
    connection = stores.connection
    queries = {
        "rowsDiscarded": "FROM repair_row",
        "documentsDiscarded": "FROM repair_document WHERE action <> 'row'",
        "rowsFromDocuments": "FROM repair_document WHERE action = 'row'",
        "eventsFromKafka": "FROM repair_line WHERE outcome = 'lost'",
        "lettersFromKafka": "FROM repair_line WHERE outcome = 'no_letter'",
        "hours": "FROM repair_hour",
        "latestValues": "FROM repair_latest",
        "ledgerMinutes": "FROM repair_ledger",
        "statistics": f"FROM ({repair_sql.STATISTICS}) AS differing",
        "partitions": "FROM repair_progress",
    }
    counts = {name: connection.execute(f"SELECT count(*) {query}").fetchone() for name, query in queries.items()}
    planned = Counter({name: int(found[0]) for name, found in counts.items() if found})
    return +(planned + _fill_documents(stores, progress, dry_run=True))


def _repair(stores: RepairStores, progress: Progress) -> Counter[str]:
    done = _repair_events(stores, progress)
    connection = stores.connection
    connection.execute(repair_sql.MARK_HOURS)
    done["hours"] = refresh_rollups.refresh(connection, progress=progress)
    fields = connection.execute("SELECT source_id, field FROM repair_latest").fetchall()
    if fields:
        refresh_rollups.refresh_latest(connection, fields)
        done["latestValues"] = len(fields)
    if not any(name for name in _EVENTS if done[name]):
        # The recount is older than these repairs: its counts are right only if no event was changed.
        done.update(_repair_accounts(stores))
    return +done


_EVENTS = (
    "rowsDiscarded", "documentsDiscarded", "rowsFromDocuments", "eventsFromKafka", "lettersFromKafka",
    "documentsFromKafka", "documentsFromRows",
)  # fmt: skip


def _repair_events(stores: RepairStores, progress: Progress) -> Counter[str]:
    done: Counter[str] = Counter()
    with maintenance_lock.between_batches(stores.connection):
        stores.connection.execute(repair_sql.DELETE_ROWS)
        [(done["rowsDiscarded"],)] = stores.connection.execute("SELECT count(*) FROM repair_row").fetchall()
    done["rowsFromDocuments"] = _rows_from_documents(stores, progress)
    done["documentsDiscarded"] = _discard_documents(stores, progress)
    done["eventsFromKafka"], done["lettersFromKafka"] = _reread_lines(stores, progress)
    return done + _fill_documents(stores, progress, dry_run=False)


def _fill_documents(stores: RepairStores, progress: Progress, *, dry_run: bool) -> Counter[str]:
    [(missing,)] = stores.connection.execute("SELECT count(*) FROM lost_document").fetchall()
    filled = Filler(stores.connection, stores.reader, dry_run=dry_run, progress=progress).fill(missing, from_rows=True)
    return Counter({"documentsFromKafka": filled.from_kafka, "documentsFromRows": filled.from_rows})


def _repair_accounts(stores: RepairStores) -> Counter[str]:
    connection, done = stores.connection, Counter[str]()
    with connection.transaction():
        done["ledgerMinutes"] = connection.execute(repair_sql.STAGE_LEDGER).rowcount
        connection.execute(row_sql.FOLD_LEDGER, prepare=False)
    with connection.transaction():
        done["statistics"] = connection.execute(repair_sql.CORRECT_STATISTICS).rowcount
        done["partitions"] = connection.execute(
            repair_sql.CORRECT_PROGRESS, [stores.found.parameters["topic"]]
        ).rowcount
    return done


class RepairStores:
    """The stores and the plan of one pass."""

    def __init__(self, connection: psycopg.Connection, reader: TopicReader, found: Comparison) -> None:
        self.connection = connection
        self.reader = reader
        self.found = found
        self.documents = DocumentStore()
        self.rows = RowWriter(connection)

    def __enter__(self) -> RepairStores:
        return self

    def __exit__(self, *_error: object) -> None:
        self.documents.close()


def _rows_from_documents(stores: RepairStores, progress: Progress) -> int:
    """Restore rows from intact documents; return their number."""
    made, planned = 0, _keys(stores, "row")
    for keys in _chunks(planned):
        found: defaultdict[UUID, list[Entry]] = defaultdict(list)
        for document in stores.documents.find([bytes.fromhex(key) for key in keys]):
            entry, topic = readers.event_of_document(document), readers.topic_of_document(document)
            if entry is not None and topic is not None:
                found[topic].append(entry)
        made += sum(stores.rows.insert(entries, topic=topic) for topic, entries in found.items())
        progress.advance("rows from documents", made, len(planned))
    return made


def _discard_documents(stores: RepairStores, progress: Progress) -> int:
    discarded, unwanted = 0, _keys(stores, "discard", "replace")
    for keys in _chunks(unwanted):
        # A running batch would treat an existing document as its own, so no batch may be running.
        with maintenance_lock.between_batches(stores.connection):
            still = [key for (key,) in stores.connection.execute(repair_sql.DISCARDED, [keys])]
            discarded += stores.documents.remove([bytes.fromhex(key) for key in still])
        progress.advance("documents discarded", discarded, len(unwanted))
    return discarded


def _keys(stores: RepairStores, *actions: str) -> list[str]:
    planned = stores.connection.execute("SELECT key FROM repair_document WHERE action = ANY(%s)", [list(actions)])
    return [key for (key,) in planned]


def _reread_lines(stores: RepairStores, progress: Progress) -> tuple[int, int]:
    """Store lost events and missing dead letters from Kafka's lines, in order; return the number of each."""
    planned = stores.connection.execute('SELECT partition, "offset", line, outcome FROM repair_line').fetchall()
    wanted: dict[tuple[int, int, int], str] = {tuple(place): outcome for *place, outcome in planned}
    topic = int(str(stores.found.parameters["topic"]))
    events = letters = 0
    for chunk in stores.reader.read(_offset_ranges(wanted), limit=_RECORDS_PER_CHUNK):
        lines = [line for line in reread.lines(stores.connection, chunk, topic=topic) if _position(line) in wanted]
        missing = [_as_letter(line) for line in lines if wanted[_position(line)] == "no_letter"]
        lost = [line for line in lines if wanted[_position(line)] == "lost" and isinstance(line, Entry)]
        letter_writer.write_letters(stores.connection, missing, topic)
        letters += len(missing)
        events += _store(stores, lost)
        progress.advance("events and letters from Kafka", events + letters, len(wanted))
    return events, letters


def _store(stores: RepairStores, lost: Sequence[Entry]) -> int:
    first: dict[bytes, Entry] = {}
    for entry in sorted(lost, key=_position):
        first.setdefault(entry.key, entry)
    topic = stores.found.topic
    verdict = stores.documents.insert(list(first.values()), topic=topic.bytes)
    for entry, ts in verdict.retimed:
        entry.ts = ts
    # These become dead letters in the next pass: a document with other content has their id, or MongoDB refused them.
    refused = {entry.key for entry in (*verdict.conflicts, *verdict.refused)}
    return stores.rows.insert([entry for key, entry in first.items() if key not in refused], topic=topic)


def _as_letter(line: Entry | Letter) -> Letter:
    return decoding.conflict(line) if isinstance(line, Entry) else line


def _position(line: Entry | Letter) -> tuple[int, int, int]:
    return line.partition, line.offset, line.line


def _offset_ranges(places: dict[tuple[int, int, int], str]) -> dict[int, tuple[int, int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for partition, offset, _ in places:
        found[partition].append(offset)
    return {partition: (min(offsets), max(offsets) + 1) for partition, offsets in found.items()}


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _DOCUMENTS_PER_CHUNK):
        yield keys[start : start + _DOCUMENTS_PER_CHUNK]
