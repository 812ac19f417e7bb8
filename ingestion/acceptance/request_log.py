"""A log line for each request that brings events, if the site asks for it: with its id and trace, as its other lines."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from django.conf import settings

from ingestion.problems import Code

logger = logging.getLogger(__name__)


def accepting(acknowledged: asyncio.Future[None], *, events: int) -> None:
    """Log a request when Kafka has acknowledged its events, or has not."""
    # The callback runs in the request's context.
    acknowledged.add_done_callback(partial(_acknowledged, events, time.monotonic()))


def refused(code: Code) -> None:
    """Log a request of which nothing was taken."""
    if settings.DATAFLOW_LOG_REQUESTS:
        logger.info("request refused", extra={"code": code.value})


def _acknowledged(events: int, began: float, acknowledged: asyncio.Future[None]) -> None:
    fields = {"events": events, "seconds": round(time.monotonic() - began, 4)}
    if acknowledged.cancelled() or acknowledged.exception():
        logger.info("events sent to Kafka, which did not acknowledge in time", extra=fields)
    else:
        logger.info("events accepted", extra=fields)
