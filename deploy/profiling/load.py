"""Sends events from a thread for as long as a block of work lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count

from deploy.bench.load.events import array_requests, single_requests
from deploy.bench.load.sender import LoadFailed, send


@dataclass(frozen=True, slots=True)
class Form:
    """A form of requests."""

    name: str
    connections: int
    chunk: int  # events that are sent at once; a part of a second
    requests: Callable[..., list[bytes]]  # (events, prefix)


FORMS = {
    "arrays": Form("arrays of 100", 8, 10_000, partial(array_requests, size=100)),
    "singles": Form("single events", 32, 1_000, single_requests),
}


class Load:
    """Sends one form of requests as fast as they are accepted: `with Load(form, port=…) as load`."""

    def __init__(self, form: Form, *, port: int) -> None:
        self.sent = 0  # events that were accepted so far
        self._form = form
        self._port = port
        self._stop = threading.Event()
        self._failure: LoadFailed | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Let the last chunk end.

        :raises LoadFailed: an event was not accepted
        """
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            for number in count():
                if self._stop.is_set():
                    return
                # The sources stay the same; the times differ, since each chunk begins with the clock.
                requests = self._form.requests(self._form.chunk, prefix=f"load-{number % 10}")
                send(requests, port=self._port, connections=self._form.connections)
                self.sent += self._form.chunk
        except LoadFailed as failure:
            self._failure = failure
