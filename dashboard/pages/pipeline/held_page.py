"""What the page of one partition shows: its lag and reader, who waits, whose dead letters held it, what would be skipped."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from dashboard.pages.pipeline import partitions
from dashboard.pages.pipeline.partitions import PartitionRow
from dashboard.panels.tables import Table, cell, letters_link, source_link, table
from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import Hold
from processing.partitions import paused, skip_batch
from processing.partitions.skip_batch import NotSkippable
from queries.pipeline import held, status
from queries.pipeline.held import HeldPartition, Waits
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable


class PartitionPage(TypedDict):
    """One partition; None: unknown."""

    topic: str
    number: int
    row: PartitionRow | None
    held: HeldPartition | None
    waits: Waits | None
    waiting: Table | None
    failures: Table | None
    skip: str  # what skipping would pass over; empty: it can't be skipped
    unknown: bool


def read(topic: str, number: int, *, scope: ReadScope, now: datetime) -> PartitionPage | None:
    """Read a partition; return None if there is none."""
    try:
        line = status.read(scope=scope)
        rows = partitions.rows(line)
        row = next((each for each in rows or () if (each["topic"], each["partition"]) == (topic, number)), None)
        stopped = next((e for e in held.read(scope=scope) if (e["topic"], e["partition"]) == (topic, number)), None)
        if rows is not None and row is None and stopped is None:
            return None
        waits = held.waiting(number, scope=scope, now=now)
        skip = _skip(topic, number, scope) if stopped and stopped["kind"] == Hold.Kind.UNREADABLE else ""
    except ReadUnavailable:
        nothing: PartitionPage = {
            "topic": topic, "number": number, "row": None, "held": None, "waits": None, "waiting": None, "failures": None,
            "skip": "", "unknown": True,
        }  # fmt: skip
        return nothing
    return {
        "topic": topic,
        "number": number,
        "row": row,
        "held": stopped,
        "waits": waits,
        "waiting": _waiting(waits) if waits else None,
        "failures": _failures(stopped) if stopped and stopped["failures"] else None,
        "skip": skip,
        "unknown": False,
    }


def _waiting(waits: Waits) -> Table:
    rows = [
        (
            cell("unreadable") if (source := each["sourceId"]) is None else cell(source, source_link(source)),
            each["events"],
        )
        for each in waits["sources"]
    ]
    notes = []
    if waits["more"]:
        notes.append(f"And {waits['more']:,} sources more.")
    if not waits["whole"]:
        notes.append("Of the first records that wait; there may be more sources and events.")
    return table("Who waits", ("source", "events seen"), rows, note=" ".join(notes))


def _failures(stopped: HeldPartition) -> Table:
    rows = [
        (
            cell("unreadable") if (source := each["sourceId"]) is None else cell(source, source_link(source)),
            problems.in_words(each["code"]),
            cell(each["letters"], letters_link(source_id=source or "", fingerprint=each["fingerprint"])),
        )
        for each in stopped["failures"]
    ]
    note = f"Of the last {held.MAX_LETTERS} dead letters of the partition before it was held."
    return table("Whose failures held it", ("source", "why", "dead letters"), rows, note=note)


def _skip(topic: str, number: int, scope: ReadScope) -> str:
    """Return in words what skipping the batch would pass over."""
    scope.require_whole()
    try:
        with postgres.bounded():
            hold = paused.paused_now().filter(topic__name=topic, partition=number).first()
        if hold is None:
            return ""
        batch = skip_batch.plan(hold).batch
    except (NotSkippable, StoreUnavailable, NeedsOperator):
        return ""
    return f"records {batch.first} to {batch.next - 1}: {batch.sentence}"
