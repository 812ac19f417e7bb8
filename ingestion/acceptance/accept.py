"""The acceptance of a batch, the same for every receiver.

Authenticate the caller, check for room, parse, reject the events of forbidden sources, submit the rest to Kafka, await the
acknowledgement. A receiver translates into these steps and out of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.conf import settings

from ingestion import metrics
from ingestion.acceptance import request_log
from ingestion.acceptance.backpressure import backpressure
from ingestion.acceptance.caller import Caller, charge, cost
from ingestion.acceptance.long_parses import LongParses
from ingestion.acceptance.options import Options, is_withheld
from ingestion.acceptance.submission import Submission
from ingestion.auth.authenticator import authenticator
from ingestion.auth.rate_limits import refused_events
from ingestion.events import timestamps
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.identity import source_ids
from ingestion.events.model import Event
from ingestion.events.steps import Parsing, Steps
from ingestion.kafka.group_commit import BrokerUnavailable, Overloaded, publisher
from ingestion.models import Scope
from ingestion.problems import Code, RequestRejected
from ingestion.runtime import request_context
from ingestion.runtime.limits import ReceiverLimits, receiver_limits
from ingestion.runtime.loop_singleton import LoopSingleton
from ingestion.spans import current

if TYPE_CHECKING:
    from ingestion.spans.tracer import OpenSpan

NOT_TAKEN = "Kafka does not answer; nothing was taken"

_DISABLED = (Code.SOURCE_DISABLED, "this source is disabled")
_NOT_ALLOWED = (Code.SOURCE_NOT_ALLOWED, "the key is not for this source")
_TOO_MANY = (
    Code.TOO_MANY_SOURCES,
    "more new sources than one key may begin within an hour; registered ones are accepted",
)
_UNKNOWN = (Code.UNKNOWN_SOURCE, "this source is not registered, and the site takes registered ones only")


class Parse(Protocol):
    """Parses what a request brought."""

    def __call__(self, *, now: int, limits: BatchLimits) -> ParsedBatch | Steps:
        """Return the batch, or the steps to it if it may take long.

        :param now: microseconds since the epoch
        :raises RequestRejected: the request can't be parsed as a whole; steps raise it, too
        """


class Incoming(NamedTuple):
    """What comes with a batch."""

    caller: Caller
    options: Options
    received: int  # microseconds since the epoch
    deadline: float  # on the loop's clock
    size: int  # bytes, which are taken from the rate if the batch is refused
    known_only: bool = False  # only events of registered sources are accepted


class Acceptance:
    """The acceptance of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._publisher = publisher()
        self._access = authenticator()
        self._guard = backpressure()
        self._long_parses = LongParses()
        self._logs_requests: bool = settings.DATAFLOW_LOG_REQUESTS

    async def admit(self, head: Mapping[bytes, bytes], *, room: bool = False) -> Caller:
        """Authenticate the caller, before anything is read of what it sends.

        :param head: headers or gRPC metadata, names in lower case
        :param room: whether to check for room too
        :raises RequestRejected: processing is too far behind; no valid key, not the scope, or past its rate; no room
        """
        self._guard.check()
        caller = Caller(*await self._access.grant(head, Scope.INGEST))
        if room:
            self._check_room(head)
        return caller

    def admit_cached(self, head: Mapping[bytes, bytes]) -> Caller | None:
        """Do as admit() does, with room, without a query; None: admit() and accept() are needed.

        :param head: as for admit()
        :raises RequestRejected: as admit()
        """
        if receiver_limits().require_known_sources:
            return None
        self._check_room(head)
        self._guard.check()
        known = self._access.recall(head, Scope.INGEST)
        return known and Caller(*known)

    def _check_room(self, head: Mapping[bytes, bytes]) -> None:
        """Reject what will not fit before its body is read, which would cost memory and time."""
        try:
            self._publisher.check_room(1, int(head.get(b"content-length", b"0")))
        except (Overloaded, BrokerUnavailable) as error:
            raise _not_taken(error) from error

    def deadline(self) -> float:
        """Return until when a request that is whole now is answered, on the loop's clock."""
        return self.loop.time() + receiver_limits().publish_deadline_seconds

    async def accept(
        self,
        parse: Parse,
        caller: Caller,
        options: Options,
        *,
        deadline: float | None = None,
        received: int | None = None,
        size: int = 0,
    ) -> Submission:
        """Parse a batch and submit its valid events to Kafka.

        :param size: bytes of the batch, which are taken from the rate if it is refused
        :param deadline: on the loop's clock; deadline() if it is not given
        :param received: microseconds since the epoch; now if it is not given
        :raises RequestRejected: nothing was taken
        """
        known_only = receiver_limits().require_known_sources
        received, deadline = received or timestamps.now(), deadline or self.deadline()
        return await _whole(self._accept(parse, Incoming(caller, options, received, deadline, size, known_only)))

    def accept_cached(
        self,
        parse: Parse,
        caller: Caller,
        options: Options,
        finished: Callable[[Submission, object], None],
        *,
        size: int,
    ) -> Awaitable[Submission] | None:
        """Do as accept() does for a caller from admit_cached(), without a task.

        :param finished: called when nothing is awaited any more; it has to call confirm() first
        :param size: as for accept()
        :returns: None; or what has to be awaited in a task, in place of a call of `finished`
        :raises RequestRejected: nothing was taken
        """
        found = self._accept(parse, Incoming(caller, options, timestamps.now(), self.deadline(), size))
        if not isinstance(found, Submission):
            return _acknowledged(found)
        if found.acknowledged is None:
            finished(found, None)
        else:
            found.acknowledged.add_done_callback(partial(finished, found))
        return None

    def _accept(self, parse: Parse, incoming: Incoming) -> Submission | Awaitable[Submission]:
        """Submit a batch, or return what has to be awaited for it.

        :raises RequestRejected: nothing was taken
        """
        bucket = incoming.caller.bucket
        if bucket is not None:
            bucket.check(self.loop.time())
        try:
            found = parse(now=incoming.received, limits=limits())
            parsed = (
                found
                if isinstance(found, ParsedBatch)
                else self._long_parses.begin(found, key=incoming.caller.grant.key)
            )
        except RequestRejected as refusal:
            charge(bucket, refusal, incoming.size)
            raise
        return self._let_in(parsed, incoming) if isinstance(parsed, ParsedBatch) else self._finish(parsed, incoming)

    async def _finish(self, parsing: Parsing, incoming: Incoming) -> Submission:
        """Parse the rest of a batch that takes long, and submit it."""
        caller = incoming.caller
        with caller.charging(incoming.size):
            parsed = await self._long_parses.finish(parsing, key=caller.grant.key, deadline=incoming.deadline)
        return await _whole(self._let_in(parsed, incoming))

    def _let_in(
        self, parsed: ParsedBatch, incoming: Incoming, unknown: Iterable[str] | None = None
    ) -> Submission | Awaitable[Submission]:
        """Submit the events of sources that may send.

        :param unknown: sources that are not registered, if they have to be
        """
        if incoming.known_only and unknown is None:
            return self._let_known_in(parsed, incoming)
        parsed = self._filter(parsed, incoming.caller, unknown)
        if parsed.all_known:
            return self._submit(parsed, incoming)
        fresh = _fresh(parsed)
        over = self._claim_sources(fresh, parsed, incoming) if fresh else None
        return self._without_new(parsed, over, incoming) if over else self._submit(parsed, incoming, fresh)

    async def _let_known_in(self, parsed: ParsedBatch, incoming: Incoming) -> Submission:
        unknown = await self._access.registry.unknown(_allowed(parsed, incoming.caller))
        return await _whole(self._let_in(parsed, incoming, unknown))

    def _filter(self, parsed: ParsedBatch, caller: Caller, unknown: Iterable[str] | None) -> ParsedBatch:
        """Reject the events of sources that may not send.

        :raises RequestRejected: all that could be taken is of sources that are throttled
        """
        disabled, grant, throttle = self._access.registry.disabled, caller.grant, self._access.throttle
        if grant.sources is None and not disabled and not unknown and not throttle.failing:
            return parsed
        names = {event.source for event in parsed.events}
        failing = names & throttle.failing
        details = {source: throttle.refusal(source) for source in failing}
        details |= dict.fromkeys(names & disabled, _DISABLED) | dict.fromkeys(unknown or (), _UNKNOWN)
        details |= dict.fromkeys(grant.outside(names), _NOT_ALLOWED)
        if failing and names == failing and all(details[source][0] is Code.SOURCE_FAILING for source in failing):
            raise throttle.reject(failing)
        return parsed.without(details) if details else parsed

    def _claim_sources(self, fresh: set[str], parsed: ParsedBatch, incoming: Incoming) -> set[str]:
        """Count the new sources of events that are let through; return those that are too many, if they are new."""
        grant, options = incoming.caller.grant, incoming.options
        # A key that is bound to ids can't begin other sources, and its answers must not depend on what other keys send.
        # One that is bound to patterns can begin any number.
        if (grant.sources is not None and not grant.beginnings) or options.validate or is_withheld(parsed, options):
            return set()
        registry = self._access.registry
        return registry.quota.claim(grant.key, registry.uncertain(fresh), now=self.loop.time())

    async def _without_new(self, parsed: ParsedBatch, over: set[str], incoming: Incoming) -> Submission:
        """Submit a batch without the events of new sources that are too many; registered ones are never too many.

        :raises RequestRejected: nothing was taken, also if PostgreSQL does not answer
        """
        new = await self._access.registry.unknown(over)
        if new:
            parsed = parsed.without(dict.fromkeys(new, _TOO_MANY))
        return self._submit(parsed, incoming, _fresh(parsed))

    def _submit(self, parsed: ParsedBatch, incoming: Incoming, fresh: Collection[str] = ()) -> Submission:
        """Take the events from the rate and submit them, with nothing in between.

        :param fresh: their sources that may be new
        :raises RequestRejected: the rate is used up, or Kafka does not take them
        """
        caller, options, received, deadline, size, _ = incoming
        acknowledged, bucket = None, caller.bucket
        if bucket is not None:
            if not options.validate:
                bucket.check(self.loop.time())
            bucket.take(refused_events(size) if options.validate else cost(parsed, size))
        if _is_to_be_published(parsed, options):
            try:
                acknowledged = self._publish(parsed.events, parsed.trace, received=received, deadline=deadline)
            except (Overloaded, BrokerUnavailable) as error:
                if bucket is not None:
                    bucket.give_back(len(parsed.events))
                raise _not_taken(error) from error
        return Submission(parsed, options, received, acknowledged, self._access.registry, fresh)

    def _publish(
        self, events: Sequence[Event], own: bytes | None, *, received: int, deadline: float
    ) -> asyncio.Future[None]:
        """Submit events to Kafka, with the request's id and trace.

        :param own: the trace context that the events name themselves; the request's goes first
        :raises Overloaded: as Publisher.submit(), also BrokerUnavailable
        """
        trace, request_id = request_context.traceparent.get() or own, request_context.chosen_id.get()
        span = None
        if current.tracer is not None:
            span = current.tracer.receive(trace, received=received, events=len(events), request_id=request_id)
            trace = trace if span is None else span.traceparent
        try:
            acknowledged = self._publisher.submit(
                events, received=received, deadline=deadline, trace=trace, request_id=request_id, span=span
            )
        except (Overloaded, BrokerUnavailable) as error:
            if span is not None:
                span.end(type(error).__name__)
            raise
        if span is not None:
            acknowledged.add_done_callback(partial(_end_span, span))
        if self._logs_requests:
            request_log.accepting(acknowledged, events=len(events))
        return acknowledged


acceptance = LoopSingleton(Acceptance)


def _end_span(span: OpenSpan, acknowledged: asyncio.Future[None]) -> None:
    error = asyncio.CancelledError() if acknowledged.cancelled() else acknowledged.exception()
    span.end(type(error).__name__ if error else "")


@cache
def _limits(on: ReceiverLimits) -> BatchLimits:
    return BatchLimits(max_event_bytes=on.max_event_bytes, max_batch_events=on.max_batch_events)


def limits() -> BatchLimits:
    """Return the limits of one request, by the settings."""
    return _limits(receiver_limits())


async def _whole(found: Submission | Awaitable[Submission]) -> Submission:
    return found if isinstance(found, Submission) else await found


async def _acknowledged(rest: Awaitable[Submission]) -> Submission:
    """Do the rest, and wait for Kafka's acknowledgement."""
    submission = await rest
    await submission.acknowledgement()
    return submission


def _fresh(parsed: ParsedBatch) -> set[str]:
    """Return the sources of which no event was accepted yet, as far as this process remembers."""
    known = source_ids.known
    return {event.source for event in parsed.events if event.source not in known}


def _allowed(parsed: ParsedBatch, caller: Caller) -> set[str]:
    names = {event.source for event in parsed.events}
    return names - caller.grant.outside(names)


def _is_to_be_published(parsed: ParsedBatch, options: Options) -> bool:
    """Count the rejected events, and return whether there are events for Kafka."""
    if options.validate:
        return False
    for item in parsed.rejected:
        metrics.rejected[item.code].inc()
    if parsed.rejected and is_withheld(parsed, options):
        metrics.rejected[Code.NOTHING_ACCEPTED].inc(len(parsed.events))
        return False
    return bool(parsed.events)


def _not_taken(error: Overloaded | BrokerUnavailable) -> RequestRejected:
    if isinstance(error, Overloaded):
        return RequestRejected(Code.OVERLOADED, "more is waiting for Kafka than fits; nothing was taken")
    return RequestRejected(Code.BROKER_UNAVAILABLE, NOT_TAKEN)
