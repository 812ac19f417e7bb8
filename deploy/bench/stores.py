"""Asks both stores how many events they hold and whether they are exact."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import pymongo
from psycopg import sql
from pymongo.collection import Collection

from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from processing.stores.packed.rollups import HOURS, MINUTES

POLL = 0.02  # seconds; both questions are answered from a few rows or from MongoDB's own counter

_ROWS = "SELECT count(*) FROM events"
_SETTLED = "SELECT coalesce(sum(stored + duplicate + dead_lettered + dropped), 0)::bigint FROM source_statistics"


class NotExact(Exception):
    """The stores do not hold exactly the accepted events. The text says what they hold."""


class Stores:
    """The PostgreSQL and MongoDB databases of one deployment."""

    def __init__(self, postgres: PostgreSQL, mongo: MongoDB, name: str) -> None:
        self._postgres = postgres
        self._mongo = mongo
        self.name = name  # of both databases

    def create(self) -> None:
        """Create the database in PostgreSQL."""
        with self._postgres.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))

    def drop(self) -> None:
        """Delete both databases."""
        with self._postgres.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
        with self._client() as client:
            client.drop_database(self.name)

    def connect(self) -> psycopg.Connection:
        """Connect to the database in PostgreSQL, in autocommit."""
        return self._postgres.connect(self.name)

    @contextmanager
    def _documents(self) -> Iterator[Collection[dict[str, object]]]:
        with self._client() as client:
            yield client[self.name]["events"]

    def _client(self) -> pymongo.MongoClient[dict[str, object]]:
        return pymongo.MongoClient(self._mongo.uri)

    def wait_until_stored(self, count: int, *, seconds: float, alive: Callable[[], bool]) -> float:
        """Wait until both stores hold `count` events; return that moment in seconds since the epoch.

        :raises NotExact: they do not within `seconds`, or the consumer ended
        """
        with self.connect() as connection, self._documents() as documents:
            counts = (documents.estimated_document_count, lambda: self._stored(connection))
            return _wait_until(count, counts, "events were stored", seconds=seconds, alive=alive)

    def stored(self) -> int:
        """Return how many events are stored according to the ledger."""
        with self.connect() as connection:
            return self._stored(connection)

    @staticmethod
    def _stored(connection: psycopg.Connection) -> int:
        return _number(connection, "SELECT coalesce(sum(stored), 0) FROM source_statistics")

    def wait_until_settled(self, count: int, *, seconds: float, alive: Callable[[], bool]) -> float:
        """Wait until the ledger has an outcome for `count` events; return that moment in seconds since the epoch.

        :raises NotExact: it has not within `seconds`, or the consumer ended
        """
        with self.connect() as connection:
            counts = (lambda: _number(connection, _SETTLED),)
            return _wait_until(count, counts, "events were settled", seconds=seconds, alive=alive)

    def settled(self) -> int:
        """Return how many events have an outcome."""
        with self.connect() as connection:
            return _number(connection, _SETTLED)

    def wait_until_counted(self, count: int, *, seconds: float, alive: Callable[[], bool]) -> float:
        """Wait until `count` documents and rows are counted, of whatever pipeline; return that moment as above.

        :raises NotExact: they are not within `seconds`, or the consumer ended
        """
        with self.connect() as connection, self._documents() as documents:
            # Rows are counted one by one, so only once all documents are there.
            counts = (documents.estimated_document_count, lambda: _number(connection, _ROWS))
            return _wait_until(count, counts, "rows were stored", seconds=seconds, alive=alive)

    def check_counts(self, count: int) -> None:
        """Count the rows and documents, of whatever pipeline.

        :raises NotExact: there are more or less than `count`
        """
        check(self._counts(), count)

    def check_exact(self, count: int) -> None:
        """Count the rows and documents and compare them with the rollups and the ledger.

        :raises NotExact: a count is not `count`
        """
        of_field = "SELECT coalesce(sum(count), 0) FROM ({}) AS r WHERE field = 'temperature'"
        with self.connect() as connection:
            found = {
                "ledger": _number(connection, "SELECT coalesce(sum(stored), 0) FROM ledger"),
                "minutes": _number(connection, of_field.format(MINUTES.read())),
                "hours": _number(connection, of_field.format(HOURS.read())),
            }
        check(self._counts() | found, count)

    def _counts(self) -> dict[str, int]:
        with self.connect() as connection, self._documents() as documents:
            return {"rows": _number(connection, _ROWS), "documents": documents.count_documents({})}


def _wait_until(
    count: int, counts: Sequence[Callable[[], int]], what: str, *, seconds: float, alive: Callable[[], bool]
) -> float:
    """Wait until each of some counts, which are asked in their order, has reached `count`; return that moment.

    :param what: the last one counts
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if all(each() >= count for each in counts):
            return time.time()
        time.sleep(POLL)
    raise NotExact(f"{counts[-1]()} of {count} {what} within {seconds:.0f} s")


def check(found: Mapping[str, int], count: int) -> None:
    """Compare what each place holds with what was sent.

    :raises NotExact: one differs
    """
    if set(found.values()) != {count}:
        raise NotExact(f"expected {count} everywhere, found {dict(found)}")


def _number(connection: psycopg.Connection, question: str) -> int:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])
