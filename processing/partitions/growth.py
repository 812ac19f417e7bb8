"""Gives the topics more partitions while nothing is on its way, which keeps the order of each source.

A source's next event may go to another partition than its last one. Another consumer reads it there, so the last one must
have all of its effects before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from redis import RedisError

from ingestion.acceptance import heartbeat
from ingestion.runtime.redis_client import connect_from_thread
from processing.kafka.administration.topic_partitions import TopicPartitions
from processing.kafka.end_offsets import TopicOffsets
from processing.models import Progress

QUIET = 2.0  # seconds in which nothing may come in: a record that a stopped receiver had sent arrives within them
PAUSE = 0.5  # seconds between two looks
_REDIS_TIMEOUT = 2.0  # seconds


class NotGrowing(Exception):
    """A topic has more partitions than wanted, and Kafka removes none."""


class NotStill(Exception):
    """Events are on their way, so nothing was changed. The text says which."""


class CameMeanwhile(Exception):
    """Partitions were added, and something came in at the same time. The text says where."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A topic and its number of partitions."""

    topic: str
    before: int
    after: int


def plan(topics: TopicPartitions, wanted: int) -> list[Growth]:
    """Return which topics would grow; raw-data stands first.

    :raises NotGrowing: one has more partitions than wanted
    """
    found = []
    for name in (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA):
        before = len(topics.offsets(name).partitions)
        if before > wanted:
            raise NotGrowing(f"{name} has {before} partitions; Kafka can't remove any.")
        found.append(Growth(name, before, wanted))
    return [growth for growth in found if growth.before < growth.after]


def apply(topics: TopicPartitions, growths: Sequence[Growth], *, patience: float, tick: Callable[[], None]) -> None:
    """Wait until nothing is on its way, then add the partitions.

    :param patience: seconds to wait
    :param tick: is called between two looks; what it raises passes through
    :raises NotStill: something still is
    :raises CameMeanwhile: they are added, and a record came in while they were
    """
    before = _await_stillness(topics, patience=patience, tick=tick)
    for growth in growths:
        after = topics.add(growth.topic, total=growth.after)
        came = [number for number, offsets in before.partitions.items() if after.partitions[number] != offsets]
        if growth.topic == before.name and came:
            raise CameMeanwhile(
                f"Records came into {before.name} while partitions were added, of {', '.join(map(str, came))}: a producer "
                "was not stopped. Events of a source that it sent before and after may change places."
            )


def _await_stillness(topics: TopicPartitions, *, patience: float, tick: Callable[[], None]) -> TopicOffsets:
    deadline, last, since = time.monotonic() + patience, None, 0.0
    while True:
        tick()
        now = topics.offsets(settings.KAFKA_TOPIC_RAW_DATA)
        moving = _reason(now)
        if moving is not None or last is None or last.partitions != now.partitions:
            since = time.monotonic()
        elif time.monotonic() > since + QUIET:
            return now
        if time.monotonic() > deadline:
            raise NotStill(moving or f"Records keep coming into {now.name}: stop what sends them.")
        last = now
        time.sleep(PAUSE)


def _reason(now: TopicOffsets) -> str | None:
    """Return what is on its way; None: nothing."""
    if receivers := _receivers():
        return f"Receivers run and may accept events: stop {', '.join(receivers)}."
    done = dict(Progress.objects.filter(topic__kafka_id=now.topic).values_list("partition", "next_offset"))
    waiting = {
        number: end - max(earliest, done.get(number, 0))
        for number, (earliest, end) in now.partitions.items()
        if end > max(earliest, done.get(number, 0))
    }
    if not waiting:
        return None
    listed = ", ".join(f"{records} in {now.name}/{number}" for number, records in waiting.items())
    return f"Records wait for consumers: {listed}."


def _receivers() -> list[str]:
    """Return the receivers that show themselves; none while Redis is away, and then stillness alone tells."""
    try:
        with connect_from_thread(timeout=_REDIS_TIMEOUT) as client:
            names = sorted(name.decode() for name in client.smembers(heartbeat.RECEIVERS))
            found = [heartbeat.decode(name, client.get(heartbeat.key(name))) for name in names]
    except (RedisError, OSError):
        return []
    return [f"{status.kind} ({status.process})" for status in found if status is not None]
