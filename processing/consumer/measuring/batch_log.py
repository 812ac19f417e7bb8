"""A log line for each batch that is stored, if the site asks for it: which requests it had events of."""

from __future__ import annotations

import logging

from django.conf import settings

from ingestion.tracing import traceparent
from processing.events.batch import Batch

logger = logging.getLogger(__name__)

MOST = 50  # requests that are named


def stored(batch: Batch) -> None:
    """Log a batch whose effects are committed."""
    if not settings.DATAFLOW_LOG_REQUESTS:
        return
    marks = [mark for found in batch.requests().values() for mark in found]
    ids = dict.fromkeys(mark.request_id.decode() for mark in marks if mark.request_id)
    traces = dict.fromkeys(filter(None, (traceparent.trace_id_of(mark.trace) for mark in marks)))
    fields = {
        "partitions": sorted({record.partition for record in batch.records}),
        "records": len(batch.records),
        "events": batch.read.total(),
        "request_ids": list(ids)[:MOST],
        "trace_ids": list(traces)[:MOST],
    }
    logger.info("batch stored", extra=fields)
