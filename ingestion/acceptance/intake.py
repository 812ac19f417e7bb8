"""What every door does, whatever it speaks: let the caller in, judge the sources, hand the events to Kafka, count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from ingestion import metrics
from ingestion.acceptance.backpressure import backpressure
from ingestion.auth.api_keys import Grant
from ingestion.auth.authenticator import authenticator
from ingestion.auth.rate_limits import TokenBucket
from ingestion.auth.source_registry import Labels
from ingestion.events.model import Event
from ingestion.kafka.group_commit import BrokerUnavailable, Overloaded, publisher
from ingestion.models import Scope
from ingestion.problems import Code
from ingestion.receivers.http.body_parsers import BatchLimits, ParsedBatch, Rejected
from ingestion.receivers.http.request_head import RequestRejected
from ingestion.runtime import request_context
from ingestion.runtime.limits import ReceiverLimits, receiver_limits

NOT_TAKEN = "Kafka does not answer; nothing was taken"
UNKNOWN_FATE = "Kafka did not confirm in time; the events may still arrive. Sending them again is harmless"

_DETAILS = {
    Code.SOURCE_DISABLED: "this source is disabled",
    Code.SOURCE_NOT_ALLOWED: "the key is not for this source",
    Code.UNKNOWN_SOURCE: "this source is not registered, and the site takes registered ones only",
}


class Caller(NamedTuple):
    """Who sends: what the key grants, and what is left of its rate."""

    grant: Grant
    bucket: TokenBucket | None

    def headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Say what is left of the rate, in headers of the answer."""
        return () if self.bucket is None else self.bucket.headers()


async def admit(head: Mapping[bytes, bytes]) -> Caller:
    """Let a caller in, before anything is read of what it sends.

    :param head: headers or gRPC metadata, names in lower case
    :raises Refused: processing is too far behind; no valid key, not the scope, or past its rate
    """
    backpressure().check()
    return Caller(*await authenticator().grant(head, Scope.INGEST))


def recall(head: Mapping[bytes, bytes]) -> Caller | None:
    """Let a caller in by what is remembered; None where admit() and screen() have to ask somebody.

    :raises Refused: processing is too far behind, or the caller past its rate
    """
    backpressure().check()
    known = None if receiver_limits().require_known_sources else authenticator().recall(head, Scope.INGEST)
    return known and Caller(*known)


def check_room(head: Mapping[bytes, bytes]) -> None:
    """Refuse what will surely not fit while it costs nothing yet: neither the body's memory nor the time to read it.

    :param head: as in admit(), the length checked
    :raises Refused: too much is waiting for Kafka, or Kafka does not answer
    """
    try:
        publisher().check_room(1, int(head.get(b"content-length", b"0")))
    except (Overloaded, BrokerUnavailable) as error:
        raise _refusal(error, fate=NOT_TAKEN) from error


async def screen(parsed: ParsedBatch, caller: Caller) -> ParsedBatch:
    """Move the events of sources that may not send to the rejected ones.

    :raises Refused: the registry of sources is needed and can't be read
    """
    unknown: Iterable[str] = ()
    if receiver_limits().require_known_sources:
        unknown = await authenticator().registry.unknown({event.source for event in parsed.events})
    return sift(parsed, caller, unknown=unknown)


def sift(parsed: ParsedBatch, caller: Caller, *, unknown: Iterable[str] = ()) -> ParsedBatch:
    """Do as screen() does, where it is known which sources are not registered."""
    disabled, allowed = authenticator().registry.disabled, caller.grant.sources
    if allowed is None and not disabled and not unknown:
        return parsed
    names = {event.source for event in parsed.events}
    refused = dict.fromkeys(names & disabled, Code.SOURCE_DISABLED) | dict.fromkeys(unknown, Code.UNKNOWN_SOURCE)
    if allowed is not None:
        refused |= dict.fromkeys(names - allowed, Code.SOURCE_NOT_ALLOWED)
    return _without(parsed, refused) if refused else parsed


async def publish(
    events: list[Event], caller: Caller, *, received: int, deadline: float, labels: Labels | None = None
) -> None:
    """Return once Kafka has every event.

    :param received: microseconds since the epoch
    :param deadline: on the loop's clock
    :raises Refused: nothing was taken, or what became of the events is unknown; its code tells which
    """
    acknowledged = submit(events, caller, received=received, deadline=deadline)
    with suppress(BrokerUnavailable):
        await acknowledged
    confirm(events, acknowledged, labels)


def submit(events: list[Event], caller: Caller, *, received: int, deadline: float) -> asyncio.Future[None]:
    """Do as publish() does, for callers that attach a callback; confirm() is to follow.

    :raises Refused: nothing was taken
    """
    if caller.bucket is not None:
        caller.bucket.take(len(events))
    try:
        return publisher().submit(events, received=received, deadline=deadline, trace=request_context.traceparent())
    except (Overloaded, BrokerUnavailable) as error:
        raise _refusal(error, fate=NOT_TAKEN) from error


def confirm(events: list[Event], acknowledged: asyncio.Future[None], labels: Labels | None = None) -> None:
    """Count what Kafka has acknowledged.

    :raises Refused: it has not, and what became of the events is unknown
    """
    try:
        acknowledged.result()
    except BrokerUnavailable as error:
        raise _refusal(error, fate=UNKNOWN_FATE) from error
    metrics.EVENTS_ACCEPTED.inc(len(events))
    authenticator().registry.note(events, labels)


def count_rejected(parsed: ParsedBatch) -> None:
    """Count what was refused, by reason."""
    for item in parsed.rejected:
        metrics.rejected(item.code)


@cache
def _limits(on: ReceiverLimits) -> BatchLimits:
    return BatchLimits(
        max_event_bytes=on.max_event_bytes, max_batch_events=on.max_batch_events, max_sources=on.max_sources
    )


def limits() -> BatchLimits:
    """What one request may bring, by the settings."""
    return _limits(receiver_limits())


def max_body_bytes() -> int:
    """Bytes that the body of one request may have."""
    return receiver_limits().max_body_bytes


def deadline() -> float:
    """Until when a request that is whole now is answered, on the loop's clock."""
    return publisher().loop.time() + receiver_limits().publish_deadline_seconds


def _refusal(error: Overloaded | BrokerUnavailable, *, fate: str) -> RequestRejected:
    """Turn what the publisher raises into a refusal; `fate` is that of the events if Kafka does not answer."""
    if isinstance(error, Overloaded):
        return RequestRejected(Code.OVERLOADED, "more is waiting for Kafka than fits; nothing was taken")
    return RequestRejected(Code.BROKER_UNAVAILABLE, fate)


def _without(parsed: ParsedBatch, refused: Mapping[str, Code]) -> ParsedBatch:
    indexes = range(len(parsed.events)) if parsed.indexes is None else parsed.indexes
    pairs = list(zip(indexes, parsed.events, strict=True))
    rejected = [
        Rejected(index, refused[event.source], "/sourceId", _DETAILS[refused[event.source]])
        for index, event in pairs
        if event.source in refused
    ]
    good = [(index, event) for index, event in pairs if event.source not in refused]
    return ParsedBatch(
        [event for _, event in good],
        [index for index, _ in good],
        sorted([*parsed.rejected, *rejected], key=lambda item: item.index),
        parsed.single,
    )
