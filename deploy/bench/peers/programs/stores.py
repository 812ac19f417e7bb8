"""The peer's two stores: both take a batch any number of times and keep each event once, by its id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

DUPLICATE = 11000  # MongoDB's code

Event = dict[str, Any]

_STAGING = "CREATE TEMP TABLE incoming (id uuid, source_id text, ts timestamptz, payload jsonb) ON COMMIT DELETE ROWS"
_COPY = "COPY incoming (id, source_id, ts, payload) FROM STDIN"
_INSERT = "INSERT INTO events (id, source_id, ts, payload) SELECT id, source_id, ts, payload FROM incoming ON CONFLICT DO NOTHING"


class Rows:
    """The table `events`."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, connection: psycopg.AsyncConnection) -> Rows:
        """Create the connection's table for what comes in: COPY knows no ON CONFLICT."""
        await connection.execute(_STAGING)
        return cls(connection)

    async def insert(self, events: Sequence[Event]) -> None:
        """Insert a batch in one transaction."""
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            async with cursor.copy(_COPY) as copy:
                for event in events:
                    await copy.write_row(row(event))
            await cursor.execute(_INSERT)


class Documents:
    """The collection `events`."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection

    async def insert(self, events: Sequence[Event]) -> None:
        """Insert a batch.

        :raises BulkWriteError: a document was refused for another reason than being there already
        """
        try:
            await self._collection.insert_many([document(event) for event in events], ordered=False)
        except BulkWriteError as error:
            if any(refused["code"] != DUPLICATE for refused in error.details["writeErrors"]):
                raise


def row(event: Event) -> tuple[str, str, str, str]:
    """Return the columns of COPY."""
    return event["id"], event["sourceId"], event["timestamp"], json.dumps(event["payload"])


def document(event: Event) -> dict[str, Any]:
    """Return the document."""
    return {
        "_id": event["id"],
        "source": event["sourceId"],
        "timestamp": datetime.fromisoformat(event["timestamp"]),
        "payload": event["payload"],
    }
