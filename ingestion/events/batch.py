"""A parsed batch: its valid events, and the reasons for the rejected ones. Pure: every receiver returns one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from ingestion.events.model import Event
from ingestion.problems import Code, RequestRejected

Labels = Mapping[str, dict[str, str]]  # by source


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The limits of one request."""

    max_event_bytes: int = 256 * 1024
    max_batch_events: int = 1_000


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The reason why one event of a batch was rejected."""

    index: int  # from 0, among the array's items or the body's non-blank lines
    code: Code
    pointer: str  # RFC 6901, from the event's root
    detail: str


class ParsedBatch(msgspec.Struct, frozen=True, gc=False):
    """The content of a body, in the order of the body."""

    events: list[Event]
    indexes: list[int] | None  # positions of `events` in the body; None: every event was accepted
    rejected: list[Rejected]
    single: bool  # the body was one object, not an array or lines
    labels: Labels | None = None  # of the events' sources, for the source registry
    all_known: bool = False  # every source is in the cache of source ids
    trace: bytes | None = None  # the W3C trace context that all events name themselves

    def positions(self) -> Iterable[int]:
        """Return the positions of the valid events in the body."""
        return range(len(self.events)) if self.indexes is None else self.indexes

    def without(self, details: Mapping[str, tuple[Code, str]]) -> ParsedBatch:
        """Return the batch with the events of some sources rejected.

        :param details: reason code and detail, by source
        """
        pairs = list(zip(self.positions(), self.events, strict=True))
        rejected = [
            Rejected(index, details[event.source][0], "/sourceId", details[event.source][1])
            for index, event in pairs
            if event.source in details
        ]
        good = [(index, event) for index, event in pairs if event.source not in details]
        return ParsedBatch(
            [event for _, event in good],
            [index for index, _ in good],
            sorted([*self.rejected, *rejected], key=lambda item: item.index),
            self.single,
            self.labels and {source: pairs for source, pairs in self.labels.items() if source not in details},
            trace=self.trace,
        )


def too_many_events(limits: BatchLimits) -> RequestRejected:
    """Build the rejection of a batch that holds too many events."""
    return RequestRejected(Code.TOO_MANY_EVENTS, f"expected at most {limits.max_batch_events} events in one request")


def event_too_large(limits: BatchLimits) -> str:
    """Return the detail of an event that is longer than the limit."""
    return f"expected an event of at most {limits.max_event_bytes} bytes"
