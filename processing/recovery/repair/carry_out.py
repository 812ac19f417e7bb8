"""Carry out the plan of a repair: first events, then the rollups and counts derived from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import cast
from uuid import UUID

import psycopg

from processing.commandline.progress import Progress
from processing.events import decoding
from processing.events.batch import Letter
from processing.events.entries import Entry
from processing.kafka.topic_reader import TopicReader
from processing.recovery.rebuild import refresh_rollups
from processing.recovery.rebuild.document_rows import DocumentRows, unjudged
from processing.recovery.rebuild.documents import Filler
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.rebuild.row_writer import RowWriter
from processing.recovery.reconcile.reconcile import Comparison
from processing.recovery.recount import readers, recount, reread
from processing.recovery.recount.past_logic import PastLogic
from processing.recovery.recount.reread import DroppedLine
from processing.recovery.repair import repair_sql
from processing.recovery.repair.plan import Plan, Row
from processing.stores import letter_writer, postgres, row_sql
from processing.stores.mongodb.document_store import DocumentStore

_DOCUMENTS_PER_CHUNK = 250  # with payloads of up to 256 KiB each
_RECORDS_PER_CHUNK = 50  # each may hold a thousand events


def repair(stores: RepairStores, progress: Progress) -> Counter[str]:
    """Carry out the plan; return what was done, by the names of repair.MEANINGS.

    :raises LeaseLost: the lease is lost; what was repaired stays
    """
    done = _repair_events(stores, progress)
    with stores.held.transaction() as cursor:
        stores.plan.load(cursor, "repair_hour")
        cursor.execute(repair_sql.MARK_HOURS)
    done["hours"] = refresh_rollups.refresh(stores.held, progress=progress)
    fields = [(str(source), str(name)) for source, name in stores.rows_of("repair_latest")]
    if fields:
        refresh_rollups.refresh_latest(stores.held, fields)
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
    with stores.held.between_batches() as cursor:
        stores.plan.load(cursor, "repair_row")
        cursor.execute(repair_sql.DELETE_ROWS)
        [(done["rowsDiscarded"],)] = cursor.execute("SELECT count(*) FROM repair_row").fetchall()
    done["rowsFromDocuments"] = _rows_from_documents(stores, progress)
    done["documentsDiscarded"] = _discard_documents(stores, progress)
    done["eventsFromKafka"], done["lettersFromKafka"] = _reread_lines(stores, progress)
    # On a connection of its own, whose transaction holds up nobody.
    with recount.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        postgres.limit(cursor, **recount.LIMITS)
        stores.plan.load(cursor, "lost_document")
        filler = Filler(connection, stores.reader, dry_run=False, progress=progress, check=stores.held.left)
        return done + fill_documents(filler, connection)


def fill_documents(filler: Filler, connection: psycopg.Connection) -> Counter[str]:
    """Restore the documents that the table `lost_document` lists."""
    [(missing,)] = connection.execute("SELECT count(*) FROM lost_document").fetchall()
    filled = filler.fill(missing, from_rows=True)
    return Counter({"documentsFromKafka": filled.from_kafka, "documentsFromRows": filled.from_rows})


def _repair_accounts(stores: RepairStores) -> Counter[str]:
    done: Counter[str] = Counter()
    with stores.held.transaction() as cursor:
        stores.plan.load(cursor, "repair_ledger")
        done["ledgerMinutes"] = cursor.execute(repair_sql.STAGE_LEDGER).rowcount
        cursor.execute(row_sql.FOLD_LEDGER, prepare=False)
    with stores.held.transaction() as cursor:
        stores.plan.load(cursor, "repair_progress")
        done["statistics"] = cursor.execute(repair_sql.CORRECT_STATISTICS).rowcount
        done["partitions"] = cursor.execute(repair_sql.CORRECT_PROGRESS, [stores.found.parameters["topic"]]).rowcount
    return done


class RepairStores:
    """The stores and the plan of one pass."""

    def __init__(self, held: Maintenance, reader: TopicReader, found: Comparison, kept: Plan) -> None:
        self.held = held
        self.reader = reader
        self.found = found
        self.plan = kept
        self.documents = DocumentStore()
        self.rows = RowWriter(held)

    def rows_of(self, table: str) -> list[Row]:
        """Return the rows of a table of the plan."""
        return self.plan.rows(self.held.connection, table)

    def __enter__(self) -> RepairStores:
        return self

    def __exit__(self, *_error: object) -> None:
        self.documents.close()


def _rows_from_documents(stores: RepairStores, progress: Progress) -> int:
    """Restore rows from intact documents; return their number."""
    made, planned = 0, _planned_documents(stores, "row")
    restore = DocumentRows(stores.held, stores.rows)
    for chunk in _chunks(planned):
        found: defaultdict[UUID, list[Entry]] = defaultdict(list)
        for document in stores.documents.find([bytes.fromhex(str(key)) for key, *_ in chunk]):
            entry, topic = readers.event_of_document(document), readers.topic_of_document(document)
            if entry is not None and topic is not None:
                found[topic].append(entry)
        made += sum(restore.insert(entries, topic=topic) for topic, entries in found.items())
        progress.advance("rows from documents", made, len(planned))
    return made


def _discard_documents(stores: RepairStores, progress: Progress) -> int:
    discarded, unwanted = 0, _planned_documents(stores, "discard", "replace")
    for chunk in _chunks(unwanted):
        now = stores.documents.clock()
        # A running batch would treat an existing document as its own, so no batch may be running.
        with stores.held.between_batches() as cursor:
            still = cursor.execute(repair_sql.DISCARDED, [list(column) for column in zip(*chunk, strict=True)])
            keys = [bytes.fromhex(key) for (key,) in still.fetchall()]
            # By MongoDB's clock: should this process freeze here, MongoDB deletes nothing that comes after the lease.
            discarded += stores.documents.remove(keys, before=now + stores.held.left())
        progress.advance("documents discarded", discarded, len(unwanted))
    return discarded


def _planned_documents(stores: RepairStores, *actions: str) -> list[Row]:
    return [row for row in stores.rows_of("repair_document") if row[-1] in actions]


def _reread_lines(stores: RepairStores, progress: Progress) -> tuple[int, int]:
    """Store lost events and missing dead letters from Kafka's lines, in order; return the number of each."""
    planned = cast("list[tuple[int, int, int, str]]", stores.rows_of("repair_line"))
    wanted = {(partition, offset, line): outcome for partition, offset, line, outcome in planned}
    topic = int(str(stores.found.parameters["topic"]))
    events = letters = 0
    past, restore = PastLogic(stores.held.connection.cursor(), topic=topic), DocumentRows(stores.held, stores.rows)
    for chunk in stores.reader.read(_offset_ranges(wanted), limit=_RECORDS_PER_CHUNK):
        found = reread.lines(stores.held.connection, chunk, topic=topic, past=past)
        lines = [line for line in found if not isinstance(line, DroppedLine) and _position(line) in wanted]
        missing = [_as_letter(line) for line in lines if wanted[_position(line)] == "no_letter"]
        lost = [line for line in lines if wanted[_position(line)] == "lost" and isinstance(line, Entry)]
        with stores.held.transaction():
            letter_writer.write_letters(stores.held.connection, missing, topic)
        letters += len(missing)
        events += _store(stores, lost, restore)
        progress.advance("events and letters from Kafka", events + letters, len(wanted))
    return events, letters


def _store(stores: RepairStores, lost: Sequence[Entry], restore: DocumentRows) -> int:
    first: dict[bytes, Entry] = {}
    for entry in sorted(lost, key=_position):
        first.setdefault(entry.key, entry)
    topic = stores.found.topic
    stores.held.left()
    verdict = stores.documents.insert(list(first.values()), topic=topic.bytes)
    for entry, ts in verdict.retimed:
        entry.ts = ts
    # These become dead letters in the next pass: a document with other content has their id, or MongoDB refused them.
    refused = {entry.key for entry in (*verdict.conflicts, *verdict.refused)}
    kept = [entry for key, entry in first.items() if key not in refused]
    return restore.insert(unjudged(kept), topic=topic)


def _as_letter(line: Entry | Letter) -> Letter:
    return decoding.conflict(line) if isinstance(line, Entry) else line


def _position(line: Entry | Letter) -> tuple[int, int, int]:
    return line.partition, line.offset, line.line


def _offset_ranges(places: dict[tuple[int, int, int], str]) -> dict[int, tuple[int, int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for partition, offset, _ in places:
        found[partition].append(offset)
    return {partition: (min(offsets), max(offsets) + 1) for partition, offsets in found.items()}


def _chunks(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), _DOCUMENTS_PER_CHUNK):
        yield rows[start : start + _DOCUMENTS_PER_CHUNK]
