"""The raw documents in MongoDB, one per stored event, and the connection to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar, NotRequired, TypedDict, cast
from uuid import UUID

import mongoengine
import pymongo
from django.conf import settings
from mongoengine.connection import get_db
from mongoengine.queryset import QuerySet
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from ingestion.auth.read_scope import ReadScope
from processing.events.document_ids import document_id

ALIAS = "dataflow"
READ_TIMEOUT = 1.0  # seconds; a page waits no longer for MongoDB than it would for a slow row
LOOKUP_TIMEOUT = 5.0  # seconds, for documents that no page waits for
RESTORE_JOB = "documents"  # kind of the job that restores documents which MongoDB has lost
MAX_NAMESAKES = 100  # sources with the same event id that one answer names
_SELECTION_TIMEOUT = 1_000  # milliseconds

_lock = threading.Lock()
_connected: tuple[int, str, str] | None = None  # process id, URI, database


class DocumentsUnavailable(Exception):
    """MongoDB did not answer in time; show the event without its document."""


class StoredDocument(TypedDict):
    """A document of the collection `events`, as MongoDB holds it."""

    _id: bytes  # `document_id`
    source: str
    ts_us: int  # event time, microseconds since the epoch
    received_us: int  # the receiver's clock, microseconds since the epoch
    payload: dict[str, object]
    hash: int  # ingestion.events.identity.content_hash
    topic: bytes  # 16: Kafka's topic id
    partition: int
    offset: int
    line: int
    attributes: NotRequired[dict[str, object]]  # what came with the payload
    request: NotRequired[dict[str, str]]  # `id` and `traceparent` of the request that brought it, if it had any


class EventDocument(mongoengine.Document):  # type: ignore[misc]  # mongoengine has no types
    """The shape of a raw document; each further index would slow every write."""

    id = mongoengine.BinaryField(primary_key=True)  # `document_id`
    source = mongoengine.StringField(required=True)
    ts_us = mongoengine.LongField(required=True)  # documents of earlier releases have `ts`, too, in milliseconds
    received_us = mongoengine.LongField(required=True)
    payload = mongoengine.DictField(required=True)
    hash = mongoengine.LongField(required=True)  # ingestion.events.identity.content_hash
    topic = mongoengine.BinaryField(required=True)  # with the next three: the origin
    partition = mongoengine.IntField(required=True)
    offset = mongoengine.LongField(required=True)
    line = mongoengine.IntField(required=True)
    attributes = mongoengine.DictField()
    request = mongoengine.DictField()

    objects: ClassVar[QuerySet]
    meta = {"collection": "events", "db_alias": ALIAS, "auto_create_index": False, "strict": False}


def database() -> Database[dict[str, object]]:
    """Return this process's database; it connects on first use, in the background, so this never blocks."""
    connect()
    return cast("Database[dict[str, object]]", get_db(ALIAS))


def connect() -> None:
    """Register the connection of this process, again after a fork or a change of settings."""
    global _connected  # noqa: PLW0603 - one client per process is what pymongo asks for
    target = (os.getpid(), settings.MONGO_URI, settings.MONGO_DATABASE)
    with _lock:
        if _connected == target:
            return
        mongoengine.disconnect(ALIAS)
        mongoengine.connect(
            db=settings.MONGO_DATABASE,
            alias=ALIAS,
            host=settings.MONGO_URI,
            uuidRepresentation="standard",
            tz_aware=True,
            serverSelectionTimeoutMS=_SELECTION_TIMEOUT,
            connectTimeoutMS=_SELECTION_TIMEOUT,
            appname="dataflow",
        )
        _connected = target


def find_document(*, source: str, event_id: UUID) -> StoredDocument | None:
    """Read one raw document; None if there is none.

    :raises DocumentsUnavailable: MongoDB gave no answer within READ_TIMEOUT
    """
    try:
        connect()
        with pymongo.timeout(READ_TIMEOUT):
            # As a plain dict: a payload may hold keys like `_cls`, which mongoengine would act upon.
            found = EventDocument.objects(pk=document_id(event_id, source)).as_pymongo().first()
    except PyMongoError as error:
        raise DocumentsUnavailable from error
    return cast("StoredDocument | None", found)


def find_documents(event_id: UUID, *, scope: ReadScope) -> list[StoredDocument]:
    """Read the raw documents of one event id, of every source in the scope that used it (MAX_NAMESAKES at most).

    :raises DocumentsUnavailable: MongoDB gave no answer within READ_TIMEOUT
    """
    try:
        connect()
        with pymongo.timeout(READ_TIMEOUT):
            every = EventDocument.objects(**_keys(event_id, scope)).as_pymongo()
            found = list(islice((each for each in every if scope.includes(each["source"])), MAX_NAMESAKES))
    except PyMongoError as error:
        raise DocumentsUnavailable from error
    return cast("list[StoredDocument]", found)


def _keys(event_id: UUID, scope: ReadScope) -> dict[str, object]:
    """Return the lookup of an id's documents: by their whole keys, or by the id that all of them begin with."""
    if scope.sources is not None and len(scope.sources) <= MAX_NAMESAKES:
        return {"pk__in": [document_id(event_id, source) for source in sorted(scope.sources)]}
    return {"pk__gte": event_id.bytes + bytes(8), "pk__lte": event_id.bytes + b"\xff" * 8}


def existing(keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these documents exist, by their ids.

    :raises DocumentsUnavailable: MongoDB gave no answer within LOOKUP_TIMEOUT
    """
    try:
        with pymongo.timeout(LOOKUP_TIMEOUT):
            found = database()["events"].find({"_id": {"$in": list(keys)}}, {"_id": 1})
            return {bytes(cast("bytes", document["_id"])) for document in found}
    except PyMongoError as error:
        raise DocumentsUnavailable from error


def payloads(keys: Sequence[bytes]) -> list[dict[str, object]]:
    """Read the payloads of these documents, as the driver decodes them, in any order.

    :raises DocumentsUnavailable: MongoDB gave no answer within LOOKUP_TIMEOUT
    """
    try:
        with pymongo.timeout(LOOKUP_TIMEOUT):
            found = database()["events"].find({"_id": {"$in": list(keys)}}, {"payload": 1})
            return [cast("dict[str, object]", document["payload"]) for document in found]
    except PyMongoError as error:
        raise DocumentsUnavailable from error


def find_many(keys: Sequence[bytes]) -> list[StoredDocument]:
    """Read these documents, in any order.

    :raises DocumentsUnavailable: MongoDB gave no answer within READ_TIMEOUT
    """
    try:
        with pymongo.timeout(READ_TIMEOUT):
            return cast("list[StoredDocument]", list(database()["events"].find({"_id": {"$in": list(keys)}})))
    except PyMongoError as error:
        raise DocumentsUnavailable from error


def volume() -> tuple[int, int]:
    """Return used and total bytes of MongoDB's volume.

    :raises DocumentsUnavailable: it did not say within READ_TIMEOUT
    """
    try:
        with pymongo.timeout(READ_TIMEOUT):
            found = database().command("dbStats")
    except PyMongoError as error:
        raise DocumentsUnavailable from error
    return int(found.get("fsUsedSize", 0)), int(found.get("fsTotalSize", 0))


def is_address(uri: str) -> bool:
    """Return whether the client can parse an address; one that DNS completes is not looked up."""
    if uri.startswith("mongodb+srv://"):
        return True
    try:
        parse_uri(uri, warn=True)
    except (PyMongoError, ValueError):
        return False
    return True


def ping() -> None:
    """Ask MongoDB for a sign of life.

    :raises DocumentsUnavailable: it gave none within READ_TIMEOUT
    """
    try:
        with pymongo.timeout(READ_TIMEOUT):
            database().command("ping")
    except PyMongoError as error:
        raise DocumentsUnavailable from error
