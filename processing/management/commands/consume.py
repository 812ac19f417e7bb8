"""`manage.py consume`: read raw-data and write to both stores, until stopped."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from types import FrameType

from django.conf import settings
from django.core.management.base import CommandError

from ingestion.management.command import OperatorCommand
from ingestion.runtime import heap
from processing.commandline.command import store_errors
from processing.commandline.stop_event import StopEvent
from processing.consumer.loop import Loop
from processing.consumer.probes import health
from processing.errors import NeedsOperator, StoreUnavailable
from processing.monitoring import capacity, document_check, server_versions
from processing.stores.mongodb.document_store import DocumentStore
from processing.stores.row_store import RowStore
from processing.supported_versions import KAFKA, MONGODB, POSTGRESQL

# Seconds after which a thread that computes makes way for one that waits. While the next batch is prepared, each of the
# stores' short answers would wait Python's 5 ms for its thread: in a drain 52,000 events/s instead of 45,500.
SWITCH_INTERVAL = 0.0005
# The garbage collector looks for cycles after so many new objects. Events are freed with their batch, before it would come to them:
# looking at each took a twelfth of the CPU time. What is left, a few objects of each poll, takes ten megabytes.
GARBAGE = 100_000


class Command(OperatorCommand):
    is_worker = True
    help = (
        "Read raw-data, store the events in PostgreSQL and MongoDB, publish them to processed-data.\n"
        "Up to as many consumers may run as the topic has partitions. SIGTERM finishes the current batch.\n\n"
        "  manage.py consume\n"
        "  PROCESSOR_SERVICE_PORT=8092 manage.py consume    a second one beside the first\n\n"
        "Exit code 0: stopped by a signal; 1: PROCESSOR_SERVICE_PORT is taken, or PostgreSQL has rows but MongoDB has\n"
        "no document at all, or its loop hung for a minute; 2: a server is too old. While a store is unavailable it waits."
    )

    def handle(self, **_options: object) -> None:
        """Run the loop until SIGTERM or SIGINT, then exit with 0."""
        stopping = StopEvent()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        with store_errors():
            server_versions.refuse_old(KAFKA, POSTGRESQL, MONGODB)
        _refuse_lost_documents()
        sys.setswitchinterval(SWITCH_INTERVAL)
        heap.bound_arenas()
        loop = Loop(stopping=stopping, end=os._exit)
        try:
            health.serve(loop.state, port=settings.PROCESSOR_SERVICE_PORT)
        except OSError as error:
            raise CommandError(
                f"Port {settings.PROCESSOR_SERVICE_PORT} is taken: set PROCESSOR_SERVICE_PORT to a free one."
            ) from error
        capacity.start(stopping)
        document_check.start(stopping, loop.recent)
        # Objects that exist now are never freed, so the garbage collector may skip them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE, 10, 10)
        loop.run()
        # A thread may still be in a call to a frozen store. The interpreter's own exit would wait for it, or abort on its return.
        logging.shutdown()
        os._exit(0)


def _refuse_lost_documents() -> None:
    """Raise CommandError if there are rows but no documents: MongoDB was lost, and more documents would hide it.

    An unavailable store is no reason to refuse: the loop waits for it.
    """
    rows, documents = RowStore(), DocumentStore()
    try:
        if rows.has_rows() and not documents.has_documents():
            raise CommandError(
                "PostgreSQL has events, but MongoDB has no document: it is another database, or was emptied."
                " Check MONGO_URI and MONGO_DATABASE, or restore the documents first: manage.py rebuild_documents."
            )
    except (StoreUnavailable, NeedsOperator):
        return
    finally:
        rows.close()
        documents.close()
