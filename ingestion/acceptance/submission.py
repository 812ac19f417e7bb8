"""A batch that was accepted, on its way to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from ingestion import metrics
from ingestion.acceptance.options import WITHHELD, Options, Outcome, is_withheld, outcome
from ingestion.auth.source_registry import SourceRegistry
from ingestion.events.batch import ParsedBatch
from ingestion.kafka.group_commit import BrokerUnavailable
from ingestion.problems import Code, RequestRejected
from ingestion.refusals import examples
from ingestion.refusals.attempt import Attempt

UNKNOWN_FATE = "Kafka did not confirm in time; the events may still arrive. Sending them again is harmless"


class Submission(NamedTuple):
    """A batch whose valid events are on their way to Kafka."""

    parsed: ParsedBatch
    options: Options
    received: int  # microseconds since the epoch
    acknowledged: asyncio.Future[None] | None  # None: no event is for Kafka
    registry: SourceRegistry
    fresh: Collection[str]  # sources that may be new

    async def finish(self) -> None:
        """Wait for Kafka's acknowledgement.

        :raises RequestRejected: Kafka has not confirmed, and what became of the events is unknown
        """
        await self.acknowledgement()
        self.confirm()

    async def acknowledgement(self) -> None:
        """Wait until Kafka has acknowledged the events or will not; confirm() tells which."""
        if self.acknowledged is not None:
            with suppress(BrokerUnavailable):
                await self.acknowledged

    async def outcome(self) -> Outcome:
        """Wait for Kafka's acknowledgement, and return the outcome of each event.

        :raises RequestRejected: as finish()
        """
        await self.finish()
        return outcome(self.parsed, self.options)

    def confirm(self) -> None:
        """Count the events that Kafka has acknowledged.

        :raises RequestRejected: as finish()
        """
        if self.acknowledged is None:
            return
        try:
            self.acknowledged.result()
        except BrokerUnavailable as error:
            raise RequestRejected(Code.BROKER_UNAVAILABLE, UNKNOWN_FATE) from error
        metrics.EVENTS_ACCEPTED.counts[""] += len(self.parsed.events)
        if self.fresh or self.parsed.labels:
            self.registry.note(self.fresh, self.parsed.labels)

    def note_rejected(self, attempt: Attempt, *, status: str, name: str = "") -> None:
        """Keep examples of the rejected events; call it if there are some.

        :param status: of the answer
        :param name: of an event of the batch, before its number
        """
        if self.options.validate:
            return
        examples.note_rejected(self.parsed.rejected, attempt, status=status, name="" if self.parsed.single else name)
        if is_withheld(self.parsed, self.options):
            examples.note_refused(Code.NOTHING_ACCEPTED, WITHHELD, attempt, status=status)

    def cancel(self) -> None:
        """Stop waiting for Kafka; the events may still arrive."""
        if self.acknowledged is not None:
            self.acknowledged.cancel()
