"""Responses in the form of InfluxDB: empty on success, else JSON as in version 1 or 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from ingestion import problems
from ingestion.events.batch import ParsedBatch, Rejected
from ingestion.http import response
from ingestion.http.response import Response
from ingestion.problems import RETRY, Code, Header, RequestRejected
from ingestion.receivers.influx.points import AUTO
from ingestion.runtime import request_context

SHOWN = 10  # rejected lines that an answer lists; the rest is a number

SECOND = 1_000_000_000  # nanoseconds
UNITS = {"": 1, "ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND}

# https://github.com/influxdata/influxdb/blob/v2.7.1/kit/platform/errors/errors.go
NAMES = {
    401: "unauthorized",
    403: "forbidden",
    405: "method not allowed",
    413: "request too large",
    429: "too many requests",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """The differences between the versions of InfluxDB's write API."""

    units: Mapping[str, int]  # nanoseconds, by the name of a precision
    is_first: bool


V1 = Version(UNITS | {"n": 1, "u": 1_000, "m": 60 * SECOND, "h": 3600 * SECOND}, is_first=True)
V2 = Version(UNITS, is_first=False)
# Of version 3 the names of the precisions, beside those of version 2, and another default.
_NAMED = {"": AUTO, "auto": AUTO, "nanosecond": 1, "microsecond": 1_000, "millisecond": 1_000_000, "second": SECOND}
V3 = Version(UNITS | _NAMED, is_first=False)


@dataclass(slots=True)
class WriteTotals:
    """The outcome of a request's lines."""

    accepted: int = 0
    rejected: int = 0
    forbidden: int = 0  # of the rejected ones those whose source may not send
    first: list[Rejected] = field(default_factory=list)  # of the rejected ones

    def add(self, batch: ParsedBatch) -> None:
        """Add the counts of a batch whose valid lines are in Kafka."""
        self.accepted += len(batch.events)
        self.rejected += len(batch.rejected)
        self.forbidden += sum([problems.status_of(item.code) == 403 for item in batch.rejected])
        self.first += batch.rejected[: SHOWN - len(self.first)]


def written(tally: WriteTotals, version: Version, *, headers: Iterable[Header]) -> Response:
    """Report the outcome of the lines.

    Clients do not retry after a 400, which is right for a partial write: its valid lines are stored.
    """
    if not tally.rejected:
        return Response(204, list(headers), b"")
    status = 403 if tally.forbidden == tally.rejected and not tally.accepted else 400
    # A refusal whose text has "partial write" in it is dropped by Telegraf whatever its status, so no other text has it.
    opening = "partial write" if tally.accepted else "no line was kept"
    lines = [f"line {item.index + 1}: {item.detail}" for item in tally.first]
    if tally.rejected > len(lines):
        lines.append(f"and {tally.rejected - len(lines)} more")
    text = f"{opening}: {'; '.join(lines)} dropped={tally.rejected}"
    shown = [{"line": item.index + 1, "code": item.code.value, "detail": item.detail} for item in tally.first]
    more = {"accepted": tally.accepted, "rejected": tally.rejected, "lines": shown}
    return _error(status, text, version, reason=tally.first[0].code, headers=headers, more=more)


def refused(refusal: RequestRejected, version: Version) -> Response:
    """Reject a whole request."""
    status = problems.status_of(refusal.code)
    # Telegraf's output for the first version drops a batch after a 4xx, and retries it after a 503:
    # https://github.com/influxdata/telegraf/blob/master/plugins/outputs/influxdb/http.go
    if status == 429 and version.is_first:
        status = 503
    headers = list(refusal.headers)
    if status == 503 and b"retry-after" not in dict(headers):
        headers.append(RETRY)
    return _error(status, refusal.detail, version, reason=refusal.code, headers=headers)


def _error(
    status: int,
    text: str,
    version: Version,
    *,
    reason: Code,
    headers: Iterable[Header],
    more: Mapping[str, object] | None = None,
) -> Response:
    request_id = request_context.request_id()
    shape = {"error": text} if version.is_first else {"code": NAMES.get(status, "invalid"), "message": text}
    body = {**shape, "reason": reason.value, "requestId": request_id, **(more or {})}
    marked = [(b"x-request-id", request_id.encode()), *headers]
    return response.answer(status, response.JSON, msgspec.json.encode(body), marked)
