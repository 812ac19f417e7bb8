"""Marks the line that is processed alone, under a lease: only the consumer that has the partition now marks in it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg import Cursor

from processing.leases import lease
from processing.leases.lease import Lease
from processing.leases.renewal import Renewal
from processing.stores.postgres import row_errors
from processing.stores.row_store import RowStore

# As long as Kafka's session timeout: when the partition of a dead consumer goes to another, its lease has about run out.
LENGTH = timedelta(seconds=10)
_POLL = 0.1  # seconds

Line = tuple[int, int]  # offset, and line or processing.events.batch.WHOLE

_NAME = "'single-step/' || topic_id || '/' || partition"
_MARK = f"""
WITH held AS ({lease.CHECK})
UPDATE partition_start SET suspect_offset = %(offset)s, suspect_line = %(line)s
WHERE topic_id = %(topic)s AND partition = %(partition)s AND EXISTS (SELECT FROM held)
"""  # noqa: S608 - constants only
_MARKED = f"""
SELECT s.partition, l.until::text FROM partition_start s JOIN lease l ON l.name = {_NAME}
WHERE s.topic_id = %s AND s.partition = ANY(%s) AND s.suspect_offset IS NOT NULL AND l.until > clock_timestamp()
"""  # noqa: S608 - constants only
# Before the rows of partition_start, as _MARK locks them, or the two dead-lock.
_LOCK = "SELECT FROM lease WHERE name = ANY(%s) ORDER BY name FOR UPDATE"


@dataclass(slots=True)
class SingleSteps:
    """The leases of the partitions that this process goes through line by line; for the stores' thread."""

    rows: RowStore
    _held: dict[int, tuple[Lease, Renewal]] = field(default_factory=dict)

    def living(self, topic: int, partitions: Iterable[int]) -> set[int]:
        """Return the partitions with a mark whose consumer lives. Its mark is no crash: it has lost the partition.

        Waits until that is known, at most for the length of a lease. A consumer that is frozen for longer counts as dead.
        """
        wanted, living, pause = list(partitions), set[int](), threading.Event()
        waiting = self._marked(topic, wanted)
        while waiting:
            pause.wait(_POLL)
            now = self._marked(topic, list(waiting))
            living |= {number for number, until in now.items() if until != waiting[number]}
            waiting = {number: until for number, until in now.items() if number not in living}
        return living

    def lock(self, cursor: Cursor, topic: int, partitions: Iterable[int]) -> None:
        """Keep others from marking in these partitions until the transaction ends."""
        cursor.execute(_LOCK, [[_name(topic, number) for number in partitions]])

    def take(self, cursor: Cursor, topic: int, partition: int) -> Lease:
        """Take the lease of a partition that Kafka gave us. Its former consumer marks nothing from then on."""
        name = _name(topic, partition)
        taken = lease.take(cursor, name, holder=lease.new_holder(), length=LENGTH, force=True)
        assert taken is not None
        return taken

    def hold(self, partition: int, taken: Lease) -> None:
        """Renew a lease, once the transaction that took it is committed."""
        self._held[partition] = taken, Renewal(taken)

    def mark(self, topic: int, partition: int, line: Line | None) -> None:
        """Mark a line as the one in hand, or none; does nothing if another consumer has the partition."""
        while partition in self._held and not self._mark(topic, partition, line):
            self._take_again(partition)

    def release(self, partitions: Iterable[int]) -> None:
        """End the single steps of partitions."""
        for partition in partitions:
            if partition in self._held:
                held = self._forget(partition)
                with self.rows.cursor() as cursor:
                    lease.release(cursor, held)

    def release_all(self) -> None:
        """End all single steps."""
        self.release(list(self._held))

    def close(self) -> None:
        """Stop renewing, as the end of the process does."""
        for partition in list(self._held):
            self._forget(partition)

    def _mark(self, topic: int, partition: int, line: Line | None) -> bool:
        held, _ = self._held[partition]
        offset, number = line or (None, None)
        place = {"topic": topic, "partition": partition, "offset": offset, "line": number}
        with self.rows.cursor() as cursor:
            return cursor.execute(_MARK, {**held.parameters, **place}).rowcount > 0

    def _take_again(self, partition: int) -> None:
        """Take a lease again that ran out, as while PostgreSQL was away, unless another consumer had it meanwhile."""
        held = self._forget(partition)
        with self.rows.cursor() as cursor:
            again = lease.take(cursor, held.name, holder=held.holder, length=held.length, after=held.epoch)
        if again is not None:
            self.hold(partition, again)

    def _forget(self, partition: int) -> Lease:
        held, renewal = self._held.pop(partition)
        renewal.stop()
        return held

    def _marked(self, topic: int, partitions: list[int]) -> dict[int, str]:
        with row_errors():
            return dict(self.rows.connection.execute(_MARKED, [topic, partitions]).fetchall())


def _name(topic: int, partition: int) -> str:
    return f"single-step/{topic}/{partition}"
