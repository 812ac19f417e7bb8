"""Repair what reconcile found: first events, then the rollups and counts derived from them, until all agree."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.errors import postgres_errors
from processing.kafka.topic_reader import TopicReader
from processing.recovery.rebuild import documents, maintenance
from processing.recovery.rebuild.documents import Filler
from processing.recovery.rebuild.maintenance import Maintenance
from processing.recovery.reconcile import reconcile
from processing.recovery.reconcile.reconcile import Comparison, Report
from processing.recovery.recount import recount
from processing.recovery.repair import carry_out, repair_sql
from processing.recovery.repair.plan import Plan

MAX_PASSES = 5  # one repair may uncover the next; more than three passes were never needed

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
    :raises NeedsOperator: an operator must act, or another command holds the maintenance lease, or it was lost
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    with postgres_errors():
        if dry_run:
            report, done = _try(progress)
        else:
            with maintenance.session() as held:
                report, done = _repair_all(held, progress)
    if scope != EventRange():
        report = reconcile.run(scope, progress=progress)
    return Repaired(report, done)


def _try(progress: Progress) -> tuple[Report, Counter[str]]:
    tables = repair_sql.create(repair_sql.TABLES)
    with (
        recount.connect() as connection,
        TopicReader() as reader,
        recount.snapshot(connection, tables=tables) as at,
    ):
        found = reconcile.compare(connection, reader, at, EventRange(), progress)
        if found.report.ok:
            return found.report, Counter()
        plan(connection, found)
        return found.report, _planned(connection, reader, progress)


def _repair_all(held: Maintenance, progress: Progress) -> tuple[Report, Counter[str]]:
    done: Counter[str] = Counter()
    for number in range(MAX_PASSES):
        progress.advance("passes of recount and repair", number)
        report, repaired = _pass(held, progress, last=number == MAX_PASSES - 1)
        done += repaired
        if not repaired:
            break
    return report, done


def _pass(held: Maintenance, progress: Progress, *, last: bool) -> tuple[Report, Counter[str]]:
    with recount.connect() as connection, TopicReader() as reader:
        with recount.snapshot(connection, tables=repair_sql.create(repair_sql.TABLES)) as at:
            found = reconcile.compare(connection, reader, at, EventRange(), progress)
            if found.report.ok or last:
                return found.report, Counter()
            plan(connection, found)
            kept = Plan.keep(connection.cursor())
        with closing(kept), carry_out.RepairStores(held, reader, found, kept) as stores:
            return found.report, carry_out.repair(stores, progress)


def plan(connection: psycopg.Connection, found: Comparison) -> None:
    """Fill the tables of the plan, in the snapshot of the recount."""
    for statement in repair_sql.PLAN.values():
        connection.execute(statement, found.parameters)
    documents.find(connection, EventRange())
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO repair_progress VALUES (%s, %s, %s)", found.uncounted)


def _planned(connection: psycopg.Connection, reader: TopicReader, progress: Progress) -> Counter[str]:
    """Count what would be done. One repair may cause or avoid others, which is not predicted."""
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
    return +(
        planned + carry_out.fill_documents(Filler(connection, reader, dry_run=True, progress=progress), connection)
    )
