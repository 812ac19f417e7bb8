"""A thread that renews a lease while the process works; a frozen process stops renewing, and so loses it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from processing.leases import lease
from processing.leases.lease import Lease
from processing.stores import postgres

logger = logging.getLogger(__name__)

APPLICATION = "dataflow-lease"
# So often within the length of a lease: two renewals may fail or be late.
_RENEWALS = 4
_PATIENCE = 1.0  # seconds


class Renewal:
    """Renews one lease, over a connection of its own, from now until it is stopped or the lease is lost."""

    def __init__(self, held: Lease) -> None:
        self._held = held
        self._stopping = threading.Event()
        self._connection: psycopg.Connection | None = None
        self._thread = threading.Thread(target=self._run, name=f"renews {held.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Renew no more; wait a moment for a renewal that runs."""
        self._stopping.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._held.length.total_seconds() / _RENEWALS):
                if not self._renew():
                    logger.warning("a lease is lost", extra={"lease": self._held.name})
                    return
        finally:
            self._disconnect()

    def _renew(self) -> bool:
        """Renew once; return False if the lease is lost. Without PostgreSQL that is not known, and the next try may do."""
        try:
            if self._connection is None:
                self._connection = postgres.connect(application=APPLICATION)
            return lease.renew(self._connection.cursor(), self._held)
        except psycopg.Error as error:
            logger.warning("a lease can't be renewed now", extra={"reason": type(error).__name__})
            self._disconnect()
            return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def renewed(held: Lease) -> Iterator[None]:
    """Renew a lease during the block."""
    renewal = Renewal(held)
    try:
        yield
    finally:
        renewal.stop()
