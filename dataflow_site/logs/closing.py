"""Leaves out what kafka-python logs as an error because the product closes a client."""

from __future__ import annotations

import logging

from kafka.errors import Cancelled

REFRESH = "Metadata refresh: failed %s"


class Closing(logging.Filter):
    """Drops one line of kafka.cluster: its loop waits for an answer when `close()` ends the connection, which is no fault.

    A connection that the broker or the network ends has an error of its own, and is logged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not (record.msg == REFRESH and len(arguments) == 1 and isinstance(arguments[0], Cancelled))
