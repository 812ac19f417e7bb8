"""Looks up a sample of what was just stored in MongoDB: a rolled back or restored server may have lost it."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from ingestion.events import timestamps
from processing.events.document_ids import document_id
from processing.ledger.incidents import open_incident
from processing.models import Event, Incident
from processing.recovery.rebuild import restore_job
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import DocumentsUnavailable
from processing.stores.mongodb.recently_stored import RecentlyStored, StoredEvent

logger = logging.getLogger(__name__)

SUBJECT = "MongoDB"  # of the incident


def start(stopping: threading.Event, recent: RecentlyStored) -> None:
    """Start the checks in a daemon thread; a frozen server delays nothing but the next check."""
    if settings.DATAFLOW_CHECK_DOCUMENTS:
        threading.Thread(target=_run, args=(stopping, recent), name="documents", daemon=True).start()


def check(sample: list[StoredEvent]) -> int:
    """Look up the documents of events; if any is missing, open an incident and request the job that restores all.

    :return: how many are missing
    :raises DocumentsUnavailable: MongoDB does not answer
    :raises DatabaseError: PostgreSQL does not answer
    """
    existing = documents.existing([event.key for event in sample]) if sample else set()
    # Without its row an event was removed on purpose.
    missing = [event for event in sample if event.key not in existing and _has_row(event)]
    if missing:
        job = restore_job.request(who="consumer")
        detail = (
            f"{len(missing)} of {len(sample)} events that were looked up have lost their documents. Job {job.pk} restores"
            " what is missing, from Kafka and from the rows."
        )
        open_incident(Incident.Kind.ROLLBACK, SUBJECT, detail)
    return len(missing)


def newest(most: int) -> list[StoredEvent]:
    """Return the events of the newest rows by event time: what was stored before this process began."""
    rows = Event.objects.order_by("-ts").values_list("source_id", "ts", "id")[:most]
    return [
        StoredEvent(source, timestamps.to_micros(ts), event_id, document_id(event_id, source))
        for source, ts, event_id in rows
    ]


def _has_row(event: StoredEvent) -> bool:
    ts = timestamps.from_micros(event.ts)
    return Event.objects.filter(source_id=event.source, ts=ts, id=event.id).exists()


def _run(stopping: threading.Event, recent: RecentlyStored) -> None:
    most, seconds = settings.DATAFLOW_CHECK_DOCUMENTS, settings.DATAFLOW_CHECK_SECONDS
    before = True  # the rows from before the start are still to be looked up
    while not stopping.wait(seconds):
        try:
            check(recent.sample(most, seconds=seconds) + (newest(most) if before else []))
            before = False
        except (DatabaseError, DocumentsUnavailable) as error:
            logger.debug("documents not checked", extra={"reason": type(error).__name__})
        except Exception:
            logger.exception("check of documents failed")
        finally:
            connection.close()  # back to the pool
