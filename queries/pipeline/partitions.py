"""Resumes a partition that the circuit breaker paused."""

from __future__ import annotations

import msgspec

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import Hold
from processing.partitions import paused
from queries.reads import postgres
from queries.schemas import ResumedPartition


class ResumePartition(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How to resume. With `throughEnd` any number of the records now in the partition may become dead letters."""

    through_end: bool = False


def resume(topic: str, number: int, *, scope: ReadScope, who: str, through_end: bool) -> ResumedPartition:
    """Resume a paused partition; consumers read it again within seconds.

    :raises RequestRejected: the scope is not everything, the partition is not paused, or Kafka does not answer and `through_end` needs it
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        hold = paused.paused_now().filter(topic__name=topic, partition=number).first()
    if hold is None:
        raise _not_paused(topic, number)
    lenient_until = _present_end(hold) if through_end else 0
    with postgres.bounded():
        if not paused.resume(hold, who=who, lenient_until=lenient_until):
            raise _not_paused(topic, number)
    return {"topic": topic, "partition": number, "lenientUntil": lenient_until}


def _not_paused(topic: str, number: int) -> RequestRejected:
    return RequestRejected(Code.NOT_FOUND, f"partition {number} of {topic} is not held")


def _present_end(hold: Hold) -> int:
    try:
        return paused.present_ends().get(hold.partition, 0)
    except (StoreUnavailable, NeedsOperator) as error:
        raise RequestRejected(
            Code.BROKER_UNAVAILABLE, "Kafka does not answer; without throughEnd it is not needed"
        ) from error
