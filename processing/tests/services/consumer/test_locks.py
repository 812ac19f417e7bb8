"""What a consumer does when another one holds its partitions: frozen ones lose them, strangers do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from deploy.testing.deployment import Deployment
from processing.errors import StoreUnavailable
from processing.events.batch import Batch
from processing.events.positions import ReadUpTo
from processing.stores import copy_encoder, postgres, row_sql
from processing.stores.row_store import RowStore
from processing.tests.factories import line, record

pytestmark = pytest.mark.services


@dataclass(slots=True)
class Partition:
    """A batch of a partition that has progress."""

    batch: Batch
    topic: int


@pytest.fixture
def partition(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> Partition:
    monkeypatch.setattr(postgres, "MAX_LOCK_HOLD", 0.5)
    store = RowStore()
    batch = Batch([record(line(1))])
    topic = store.topic_row(UUID(int=1), "raw-data")
    store.prepare(batch, topic)
    store.close()
    return Partition(batch, topic)


def test_a_consumer_that_froze_in_its_transaction_loses_it(partition: Partition) -> None:
    with holding(partition) as frozen:
        assert claimed(partition)
        with pytest.raises(psycopg.OperationalError):
            frozen.connection.execute("SELECT 1")


def test_a_consumer_that_froze_while_it_wrote_rows_loses_its_transaction(partition: Partition) -> None:
    with holding(partition) as frozen:
        copy = frozen.connection.cursor().copy(row_sql.COPY_EVENTS)
        copy.__enter__().write(copy_encoder.HEADER)

        assert claimed(partition)
        with pytest.raises(psycopg.OperationalError):
            copy.__exit__(None, None, None)


def test_a_stranger_that_holds_the_partition_is_waited_for(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(partition) as stranger:
        stranger.connection.execute("SET application_name = 'psql'")
        monkeypatch.setattr(postgres, "LOCK_TIMEOUT", 1.5)
        with pytest.raises(StoreUnavailable):
            claimed(partition)
        assert stranger.connection.execute("SELECT 1").fetchone() == (1,)


@contextmanager
def holding(partition: Partition) -> Iterator[RowStore]:
    """A store whose transaction has claimed the partition and goes no further."""
    store = RowStore()
    # Its session may have been ended.
    with suppress(StoreUnavailable), store.transaction():
        store.claim(partition.batch, partition.topic)
        yield store
    store.close()


def claimed(partition: Partition) -> bool:
    store = RowStore()
    try:
        with store.transaction():
            return store.claim(partition.batch, partition.topic) == {0: ReadUpTo(0, -1)}
    finally:
        store.close()
