"""Leaves out what kafka-python logs as an error because the product closes a client."""

from __future__ import annotations

import logging

REFRESH, CANCELLED = "Metadata refresh: failed %s", "Cancelled"  # the line, and the class of the error in it


class Closing(logging.Filter):
    """Drops one line of kafka.cluster: its loop waits for an answer when `close()` ends the connection, which is no fault.

    A connection that the broker or the network ends has an error of its own, and is logged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not (record.msg == REFRESH and [type(each).__name__ for each in arguments] == [CANCELLED])
