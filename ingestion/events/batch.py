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


# What is kept of a rejected event for the pages, and of how many of a batch: a batch of the longest takes no more memory.
KEPT_BYTES = 1_024
KEPT_EVENTS = 10


class Sent(msgspec.Struct, frozen=True, gc=False):
    """The beginning of what was sent, for whoever looks up why it was rejected."""

    beginning: bytes  # at most KEPT_BYTES
    size: int  # bytes of the whole
    source: str = ""  # as the receiver read it; empty: it is in the text, if anywhere
    one_event: bool = True  # the whole is the text of one event

    @property
    def whole(self) -> bool:
        """Return whether nothing was cut off."""
        return len(self.beginning) == self.size


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The reason why one event of a batch was rejected."""

    index: int  # from 0, among the array's items or the body's non-blank lines
    code: Code
    pointer: str  # RFC 6901, from the event's root
    detail: str
    sent: Sent | None = None  # None: it is one of many


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
        refused = [(index, event) for index, event in pairs if event.source in details]
        rejected = [
            Rejected(index, *_refusal(details[event.source]), _as_read(event) if place < KEPT_EVENTS else None)
            for place, (index, event) in enumerate(refused)
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


def beginning_of(text: bytes, *, source: str = "") -> Sent:
    """Return what is kept of an event that is rejected, of the first KEPT_EVENTS of a batch.

    :param source: as the receiver read it
    """
    return Sent(text[:KEPT_BYTES], len(text), source)


def _refusal(told: tuple[Code, str]) -> tuple[Code, str, str]:
    code, detail = told
    return code, "/sourceId", detail


def _as_read(event: Event) -> Sent:
    text = b'{"sourceId":"%b","payload":%b}' % (event.source.encode(), event.payload[:KEPT_BYTES])
    cut = max(0, len(event.payload) - KEPT_BYTES)
    return Sent(text[:KEPT_BYTES], len(text) + cut, event.source)


def too_many_events(limits: BatchLimits) -> RequestRejected:
    """Build the rejection of a batch that holds too many events."""
    return RequestRejected(Code.TOO_MANY_EVENTS, f"expected at most {limits.max_batch_events} events in one request")


def event_too_large(limits: BatchLimits) -> str:
    """Return the detail of an event that is longer than the limit."""
    return f"expected an event of at most {limits.max_event_bytes} bytes"
