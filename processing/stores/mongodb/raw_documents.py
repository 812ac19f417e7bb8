"""Reads and replaces all documents as they stand, byte for byte, for backups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from bson.raw_bson import RawBSONDocument
from django.conf import settings
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database

from processing.errors import mongo_errors

_ANSWER = 5_000  # documents at once, unless MongoDB's answer reaches 16 MiB before
_SELECTION = 5_000  # milliseconds
_PATIENCE = 600_000  # milliseconds for one answer, such as a count of all
_EVENTS = "events"
_LOADING = "events.restoring"  # what is loaded, until it takes the place of the others
_RUNNING = "restores"  # its one document says which restore has begun to replace them
# An index or another option slows every write.
_OPTIONS: dict[str, Any] = {"storageEngine": {"wiredTiger": {"configString": "block_compressor=snappy"}}}


def is_sharded() -> bool:
    """Return whether a router of a sharded cluster answers."""
    with _database() as database:
        return database.command("hello").get("msg") == "isdbgrid"


def exist(*, unless_of: str) -> bool:
    """Return whether there is any document.

    :param unless_of: the backup whose interrupted restore may have left them
    """
    with _database() as database:
        if database[_RUNNING].find_one({"_id": "running", "backup": unless_of}) is not None:
            return False
        return database[_EVENTS].find_one({}, {"_id": 1}) is not None


def interrupted() -> str | None:
    """Return the backup whose restore has begun and not ended."""
    with _database() as database:
        return interrupted_in(database)


def interrupted_in(database: Database[dict[str, Any]]) -> str | None:
    """Return the same of a database that is connected. For callers within `mongo_errors`."""
    found = database[_RUNNING].find_one({"_id": "running"})
    return None if found is None else str(found["backup"])


def answers() -> Iterator[bytes]:
    """Yield all documents, many at a time, one after the other as BSON.

    :raises StoreUnavailable: MongoDB does not answer; start again
    """
    with _database() as database, database[_EVENTS].find_raw_batches({}, batch_size=_ANSWER) as found:
        for answer in found:
            # The driver's types say that raw answers are documents.
            yield cast("bytes", answer)


class Loading:
    """Documents that take the place of all others once they are complete. A new one begins anew."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        database[_LOADING].drop()
        database.create_collection(_LOADING, **_OPTIONS)
        # The exchange waits for the journal, and so for everything before it.
        self._loading = database[_LOADING].with_options(write_concern=WriteConcern(1))

    def add(self, documents: list[bytes]) -> None:
        """Insert documents."""
        with mongo_errors():
            raw = cast("list[dict[str, Any]]", [RawBSONDocument(document) for document in documents])
            self._loading.insert_many(raw, ordered=False)

    def exchange(self, backup: str) -> None:
        """Put the documents in the place of all others, and note which restore did, until `end`."""
        with mongo_errors():
            self._database[_RUNNING].replace_one({"_id": "running"}, {"backup": backup}, upsert=True)
            self._loading.with_options(write_concern=self._database.write_concern).rename(_EVENTS, dropTarget=True)

    def discard(self) -> None:
        """Remove what was loaded."""
        with mongo_errors():
            self._database[_LOADING].drop()


@contextmanager
def loading() -> Iterator[Loading]:
    """Begin to load documents; what did not take the others' place is removed at the end."""
    with _database() as database:
        begun = Loading(database)
        try:
            yield begun
        finally:
            begun.discard()


def end() -> None:
    """Forget which restore is running."""
    with _database() as database:
        database[_RUNNING].drop()


@contextmanager
def _database() -> Iterator[Database[dict[str, Any]]]:
    with mongo_errors():
        client: MongoClient[dict[str, Any]] = MongoClient(
            settings.MONGO_URI,
            serverSelectionTimeoutMS=_SELECTION,
            connectTimeoutMS=2_000,
            socketTimeoutMS=_PATIENCE,
            appname="dataflow-backup",
        )
    try:
        with mongo_errors():
            yield client.get_database(settings.MONGO_DATABASE, write_concern=WriteConcern("majority", j=True))
    finally:
        client.close()
