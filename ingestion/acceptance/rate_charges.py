"""What a request takes from the rate of its key, beside its accepted events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ingestion import problems
from ingestion.auth.rate_limits import TokenBucket, refused_events
from ingestion.events.batch import ParsedBatch
from ingestion.problems import RequestRejected


def charge(bucket: TokenBucket | None, refusal: RequestRejected, size: int) -> None:
    """Take a body from the rate that is refused as a whole.

    :param size: bytes
    """
    # Not for a slow network, for the rate itself, and for what is the server's own fault.
    status = problems.status_of(refusal.code)
    if bucket is not None and status < 500 and status not in {408, 429}:
        bucket.take(refused_events(size))


@contextmanager
def charging(bucket: TokenBucket, size: int) -> Iterator[None]:
    """Take a body from the rate if it is refused as a whole within this context.

    :param size: bytes
    """
    try:
        yield
    except RequestRejected as refusal:
        charge(bucket, refusal, size)
        raise


def cost(parsed: ParsedBatch, size: int) -> int:
    """Return how many events a batch takes: rejected ones by their share of the bytes, at least one each."""
    accepted, rejected = len(parsed.events), len(parsed.rejected)
    if not rejected:
        return accepted
    return accepted + max(rejected, refused_events(size) * rejected // (accepted + rejected))
