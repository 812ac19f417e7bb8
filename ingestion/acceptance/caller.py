"""The sender of a request, and what a request takes from its rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

from ingestion import problems
from ingestion.auth.api_keys import Grant
from ingestion.auth.rate_limits import TokenBucket, refused_events
from ingestion.events.batch import ParsedBatch
from ingestion.problems import RequestRejected

_FREE = nullcontext()  # of a caller without a rate


class Caller(NamedTuple):
    """The sender of a request: what its key grants, and the rest of its rate."""

    grant: Grant
    bucket: TokenBucket | None

    def headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers of an answer that report the rest of the rate."""
        return () if self.bucket is None else self.bucket.headers()

    def check(self, now: float) -> None:
        """Check that the rate is not used up.

        :raises RequestRejected: it is
        """
        if self.bucket is not None:
            self.bucket.check(now)

    def charging(self, size: int) -> AbstractContextManager[None]:
        """Take a body of so many bytes from the rate if it is refused as a whole within this context."""
        return _FREE if self.bucket is None else charging(self.bucket, size)

    def take(self, events: int) -> None:
        """Take events from the rate; a negative number gives them back."""
        if self.bucket is None:
            return
        if events < 0:
            self.bucket.give_back(-events)
        else:
            self.bucket.take(events)


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
