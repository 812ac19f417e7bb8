"""An example of a good client: it keeps its connection, waits when asked to, and retries."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Mapping
from urllib.parse import urlencode

TIMEOUT = 15.0  # seconds for one answer
PATIENCE = 120.0  # seconds of 503s and broken connections before it fails
LONGEST_PAUSE = 5.0  # seconds
SEND_AGAIN = {502, 503, 504}


class NotRunning(Exception):
    """Nothing listens at the address."""


class Refused(Exception):
    """The response is an error that a retry would not change. The text says which."""


class Client:
    """One keep-alive connection to one process of the product."""

    def __init__(self, host: str, port: int) -> None:
        self.address = f"http://{host}:{port}"
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        self._answered = False  # it has answered before, so no response means a restart

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def post_events(self, ndjson: bytes) -> None:
        """Send events until they are acknowledged. Sending again is harmless: their ids follow from their bytes.

        :raises NotRunning: no process listens there
        :raises Refused: an event was not accepted
        """
        status, answer = self._persist("POST", "/ingest", ndjson, {"Content-Type": "application/x-ndjson"})
        if status != 202:
            raise Refused(f"{self.address}/ingest answered {status}: {answer[:500].decode(errors='replace')}")

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> dict[str, object]:
        """Read one JSON answer.

        :raises NotRunning: no process listens there
        :raises Refused: the answer is no 200
        """
        status, answer = self._persist("GET", f"{path}?{urlencode(parameters)}" if parameters else path)
        if status != 200:
            raise Refused(f"{self.address}{path} answered {status}: {answer[:500].decode(errors='replace')}")
        content: dict[str, object] = json.loads(answer)
        return content

    def _persist(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        deadline = time.monotonic() + PATIENCE
        pause = 0.25
        while True:
            status, answer, asked = self._try(method, path, body, headers or {})
            self._answered = self._answered or status != 0
            if status and (status not in SEND_AGAIN or time.monotonic() > deadline):
                return status, answer
            if not status and (not self._answered or time.monotonic() > deadline):
                raise NotRunning(self.address)
            # With jitter, so that many clients do not retry at the same moment.
            time.sleep(max(asked, random.uniform(pause / 2, pause)))  # noqa: S311 - a pause is no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    def _try(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes, float]:
        """Return status, body and the pause in seconds that the server asked for; status 0 for no response."""
        try:
            self._connection.request(method, path, body=body, headers=dict(headers))
            response = self._connection.getresponse()
            asked = response.headers.get("Retry-After", "")
            return response.status, response.read(), float(asked) if asked.isdigit() else 0.0
        except (OSError, http.client.HTTPException):
            # It opens a new connection by itself the next time.
            self._connection.close()
            return 0, b"", 0.0
