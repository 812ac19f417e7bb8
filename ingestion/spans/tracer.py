"""Makes the spans of a process. Names and attributes are OpenTelemetry's for messaging and databases.

https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from ingestion.spans import encoding, part
from ingestion.spans.encoding import Context
from ingestion.spans.outbox import Outbox
from ingestion.spans.part import Part
from ingestion.spans.sampling import Sampler
from ingestion.tracing.traceparent import MAX_LINKS


class OpenSpan:
    """A span that has begun."""

    __slots__ = ("_begun", "_links", "_outbox", "_parent", "context")

    def __init__(self, outbox: Outbox, begun: Part, parent: Context | None, links: Sequence[Context] = ()) -> None:
        self.context = Context.new(parent)
        self._outbox = outbox
        self._begun = begun
        self._parent = parent
        self._links = links

    @property
    def traceparent(self) -> bytes:
        """Return its W3C trace context."""
        return self.context.header()

    def end(self, error: str = "") -> None:
        """End it now.

        :param error: the name of what went wrong
        """
        done = self._begun._replace(ended=time.time_ns())
        self._outbox.add(encoding.encode(done, self.context, self._parent, self._links, error))


class Tracer:
    """Makes spans, for one process."""

    def __init__(self, outbox: Outbox, *, per_second: int) -> None:
        self._outbox = outbox
        self.sampler = Sampler(os.environ, per_second=per_second)  # noqa: TID251 - OpenTelemetry's own variables

    def receive(self, trace: bytes | None, *, received: int, events: int, request_id: bytes | None) -> OpenSpan | None:
        """Begin the span of a request with events for Kafka, until Kafka has acknowledged them; None: it is not traced.

        :param trace: the W3C trace context that it came with
        :param received: microseconds since the epoch
        """
        if not self.sampler.samples(trace):
            return None
        attributes: dict[str, str | int] = {"messaging.batch.message_count": events}
        if request_id is not None:
            attributes["dataflow.request_id"] = request_id.decode()
        begun = Part("receive events", "server", received * 1_000, 0, attributes)
        return OpenSpan(self._outbox, begun, None if trace is None else Context.parse(trace))

    def flush(self, spans: Sequence[OpenSpan], *, topic: str, events: int) -> OpenSpan:
        """Begin the span of a flush: a child of its first request, linked to the others.

        :param spans: of its requests that are traced; at least one
        """
        first, *others = (span.context for span in spans)
        attributes: dict[str, str | int] = {**part.kafka("send", topic), "messaging.batch.message_count": events}
        begun = Part(f"send {topic}", "producer", time.time_ns(), 0, attributes)
        return OpenSpan(self._outbox, begun, first, others[:MAX_LINKS])

    def past(self, whole: Part, parts: Iterable[Part], *, links: Iterable[bytes] = (), error: str = "") -> None:
        """Make the spans of something that was done: one for the whole, a trace of its own, and one for each part.

        :param links: W3C trace contexts of what led to it
        :param error: the name of what ended it
        """
        context = Context.new()
        self._outbox.add(encoding.encode(whole, context, None, map(Context.parse, links), error))
        for each in parts:
            self._outbox.add(encoding.encode(each, Context.new(context), context))
