"""The socket of a connection to PostgreSQL, which another thread may shut down to end whatever waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ingestion.runtime.socket_reset import reset_at_end
from queries.reads import watchdog


class Line:
    """A duplicate of a connection's socket, so that no other socket with the same descriptor is ever shut down."""

    def __init__(self, descriptor: int) -> None:
        self.is_late = False  # a limit of time was reached
        self._socket = socket.socket(fileno=os.dup(descriptor))

    def cut(self) -> None:
        """Shut the connection down, which ends its query; may be called at any time, from any thread."""
        # It may be closed already, or at the same moment.
        with suppress(OSError):
            # Or a server that waits until its client reads learns of the end only when it asks again, after minutes.
            reset_at_end(self._socket)
            self._socket.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Shut the connection down if the block takes longer."""
        with watchdog.after(seconds, self._end):
            yield

    def close(self) -> None:
        """Close the duplicate."""
        self._socket.close()

    def _end(self) -> None:
        self.is_late = True
        self.cut()
