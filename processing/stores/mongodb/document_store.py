"""Writes raw documents to MongoDB, and decides identity: the first content stored under an id stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, cast

import bson
import msgspec
from django.conf import settings
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection

from ingestion.tracing import request_marks
from ingestion.tracing.request_marks import RequestMark
from processing.errors import MONGODB_INVALID, ContentRejected, StoreUnavailable, from_mongo_code, mongo_errors
from processing.events.batch import Left
from processing.events.entries import Entries, Entry
from processing.stores.statement_times import timed

WRITE_TIMEOUT = 5.0  # seconds that a batch waits for MongoDB
LONG_WAIT = 600.0  # seconds; a search by anything but `_id` reads the whole collection

# A command is one BSON document of at most 16 MiB, and BSON is at most six times the size of its JSON (`[1,1,…]`).
_CHUNK_BYTES = 2 * 1024 * 1024  # of payload JSON
_CHUNK_DOCUMENT = 200  # bytes of a document around its payload
_DELETES = 1_000  # in one command
_READ_CHUNK = 1_000  # documents at once, unless MongoDB's answer reaches 16 MiB before

_DUPLICATE_KEY = 11000

_decode_attributes = msgspec.json.Decoder(dict[str, object]).decode


Requests = Mapping[tuple[int, int], Sequence[RequestMark]]  # by RecordPosition


class Origins(NamedTuple):
    """Where the events of one call come from."""

    topic: bytes  # Kafka's id, 16 bytes
    requests: Requests


@dataclass(slots=True)
class Verdict:
    """What MongoDB says of a batch's events: all have a document of equal content but these."""

    conflicts: list[Entry] = field(default_factory=list)  # their id has a document of other content
    refused: list[Entry] = field(default_factory=list)  # their content can't be a document
    known: int = 0  # had a document of equal content already
    # Those that came without a time, whose document has the time of an earlier copy (microseconds).
    retimed: list[tuple[Entry, int]] = field(default_factory=list)


class DocumentStore:
    """The write side of MongoDB, for one thread at a time; not to be used after a fork.

    :param patience: seconds to wait for an answer
    """

    def __init__(self, *, patience: float = WRITE_TIMEOUT) -> None:
        self._patience = patience
        self._client: MongoClient[dict[str, Any]] | None = None

    @cached_property
    def _events(self) -> Collection[dict[str, Any]]:
        self._client = MongoClient(
            settings.MONGO_URI,
            serverSelectionTimeoutMS=int(WRITE_TIMEOUT * 1000),
            connectTimeoutMS=2_000,
            socketTimeoutMS=int(self._patience * 1000),
            appname="dataflow-consumer",
            tz_aware=False,
        )
        database = self._client.get_database(
            settings.MONGO_DATABASE, write_concern=WriteConcern("majority", j=True, wtimeout=int(WRITE_TIMEOUT * 1000))
        )
        return database["events"]

    def insert(self, entries: Iterable[Entry], *, topic: bytes, requests: Requests | None = None) -> Verdict:
        """Insert the documents of new events; may be repeated.

        :param topic: Kafka's id of the topic, 16 bytes
        :param requests: those that the lines of records came with
        :raises StoreUnavailable: any of them may be stored
        :raises NeedsOperator: the same, and someone must act
        """
        verdict = Verdict()
        for chunk in _chunks(Entries.of(entries)):
            self._insert_chunk(chunk, Origins(topic, requests or {}), verdict)
        return verdict

    def discard(self, entries: Iterable[Entry | Left], *, topic: bytes) -> None:
        """Delete the documents that these very lines left; those of other origin stay."""
        deletes = [{"q": {"_id": entry.key, **_origin(entry, topic)}, "limit": 1} for entry in entries]
        for start in range(0, len(deletes), _DELETES):
            self._delete(deletes[start : start + _DELETES])

    def prepare(self, *, dry_run: bool = False) -> bool:
        """Create the collection unless it exists; return whether it was missing.

        Its only index is `_id`, since each further one slows every write.
        """
        with mongo_errors():
            database = self._events.database
            missing = "events" not in database.list_collection_names()
            if missing and not dry_run:
                database.create_collection(
                    "events", storageEngine={"wiredTiger": {"configString": "block_compressor=snappy"}}
                )
        return missing

    def hashes(self, entries: Sequence[Entry]) -> dict[bytes, int]:
        """Read the content hashes of documents, by their ids."""
        return {key: content for key, (content, _) in self._contents(entries).items()}

    def has_documents(self) -> bool:
        """Return whether any document exists."""
        with mongo_errors():
            return self._events.find_one({}, {"_id": 1}) is not None

    def stream(self, wanted: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """Read the documents that match a query, a chunk at a time.

        :raises StoreUnavailable: MongoDB does not answer; start again
        """
        # Its answers as they come: they are bounded in bytes, as a number of documents is not.
        with self._events.find_raw_batches(wanted, batch_size=_READ_CHUNK) as answers:
            yield from _decoded(answers)

    def stream_in_order(self, wanted: Mapping[str, Any], *, after: bytes) -> Iterator[list[dict[str, Any]]]:
        """Read the documents that match a query as `stream` does, in the order of their ids, after one of these.

        :raises StoreUnavailable: MongoDB does not answer; go on after the last document
        """
        ordered = {"_id": {"$gt": after}, **wanted}
        with self._events.find_raw_batches(ordered, sort=[("_id", 1)], batch_size=_READ_CHUNK) as answers:
            yield from _decoded(answers)

    def find(self, keys: Sequence[bytes]) -> list[dict[str, Any]]:
        """Read documents by their ids."""
        with mongo_errors():
            return list(self._events.find({"_id": {"$in": list(keys)}}))

    def clock(self) -> datetime:
        """Return the time of MongoDB's own clock."""
        with mongo_errors():
            return cast("datetime", self._events.database.command("hello")["localTime"])

    def remove(self, keys: Sequence[bytes], *, before: datetime) -> int:
        """Delete documents by their ids, of any origin; return how many existed.

        :param before: the time by `clock` from which on MongoDB deletes nothing
        """
        in_time = {"$expr": {"$lt": ["$$NOW", before]}}
        with mongo_errors():
            return self._events.delete_many({"_id": {"$in": list(keys)}, **in_time}).deleted_count

    def count(self, wanted: Mapping[str, Any]) -> int:
        """Count the documents that match a query; all of them about."""
        with mongo_errors():
            return self._events.count_documents(wanted) if wanted else self._events.estimated_document_count()

    def close(self) -> None:
        """Drop the connections; the next call makes new ones."""
        if self._client is not None:
            self._client.close()
            self.__dict__.pop("_events", None)

    def _insert_chunk(self, entries: Entries, origins: Origins, verdict: Verdict) -> None:
        try:
            documents = as_documents(entries, origins.topic, origins.requests)
            with timed("mongodb", "insert"):
                reply = self._command(documents)
        except ContentRejected:
            self._insert_halves(entries, origins, verdict)
        else:
            self._judge(entries, reply, verdict)

    def _insert_halves(self, entries: Entries, origins: Origins, verdict: Verdict) -> None:
        """Find by halving what makes a command refused as a whole; the rest is inserted."""
        if len(entries) == 1:
            verdict.refused += entries
            return
        half = len(entries) // 2
        for part in (entries[:half], entries[half:]):
            self._insert_chunk(part, origins, verdict)

    def _delete(self, deletes: list[dict[str, Any]]) -> None:
        with mongo_errors():
            concern = {"w": "majority", "j": True, "wtimeout": int(WRITE_TIMEOUT * 1000)}
            reply = self._events.database.command(
                {"delete": "events", "deletes": deletes, "ordered": False, "writeConcern": concern}
            )
        _check_write_concern(reply)
        for error in reply.get("writeErrors", ()):
            raise from_mongo_code(error["code"], "write error")

    def _command(self, documents: list[dict[str, Any]]) -> dict[str, Any]:
        # One command: insert_many costs the client and the server half as much again.
        with mongo_errors():
            database = self._events.database
            reply = database.command(
                {
                    "insert": "events",
                    "documents": documents,
                    "ordered": False,
                    "writeConcern": {"w": "majority", "j": True, "wtimeout": int(WRITE_TIMEOUT * 1000)},
                }
            )
        _check_write_concern(reply)
        return reply

    def _judge(self, entries: Entries, reply: dict[str, Any], verdict: Verdict) -> None:
        taken: list[Entry] = []
        for error in reply.get("writeErrors", ()):
            entry = entries[error["index"]]
            if error["code"] == _DUPLICATE_KEY:
                taken.append(entry)
            elif error["code"] in MONGODB_INVALID:
                verdict.refused.append(entry)
            else:
                raise from_mongo_code(error["code"], "write error")
        if taken:
            self._judge_taken(taken, verdict)

    def _judge_taken(self, entries: Sequence[Entry], verdict: Verdict) -> None:
        found = self._contents(entries)
        for entry in entries:
            if entry.key not in found:
                raise StoreUnavailable("MongoDB: a document vanished between insert and find")
            content, ts = found[entry.key]
            if content != entry.hash:
                verdict.conflicts.append(entry)
                continue
            verdict.known += 1
            if ts != entry.ts and not entry.timed:
                verdict.retimed.append((entry, ts))

    def _contents(self, entries: Sequence[Entry]) -> dict[bytes, tuple[int, int]]:
        """Read hash and time (microseconds) of documents, by their ids."""
        with mongo_errors():
            stored = self._events.find({"_id": {"$in": [entry.key for entry in entries]}}, {"hash": 1, "ts_us": 1})
            return {bytes(document["_id"]): (document["hash"], document["ts_us"]) for document in stored}


def _check_write_concern(reply: Mapping[str, Any]) -> None:
    if "writeConcernError" in reply:
        raise StoreUnavailable(f"MongoDB: write concern failed, code {reply['writeConcernError'].get('code')}")


def _chunks(entries: Entries) -> Iterator[Entries]:
    start = size = 0
    for index, length in enumerate(map(len, entries.payloads)):
        size += length + _CHUNK_DOCUMENT
        if size > _CHUNK_BYTES and index > start:
            yield entries[start:index]
            start, size = index, length + _CHUNK_DOCUMENT
    if start < len(entries):
        yield entries[start:] if start else entries


def as_documents(entries: Entries, topic: bytes, requests: Requests | None = None) -> list[dict[str, Any]]:
    """Return the documents of events.

    :param topic: Kafka's id of the topic, 16 bytes
    :param requests: those that the lines of records came with
    """
    documents: list[dict[str, Any]] = [
        {
            "_id": key,
            "source": source,
            "ts_us": ts,
            "received_us": received,
            "payload": payload,
            "hash": content,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "line": line,
        }
        for key, source, ts, received, payload, content, partition, offset, line in zip(
            entries.keys, entries.sources, entries.times, entries.received, entries.values, entries.hashes,
            entries.partitions, entries.offsets, entries.lines, strict=True,
        )
    ]  # fmt: skip
    if any(entries.attributes):
        for document, attributes in zip(documents, entries.attributes, strict=True):
            if attributes:
                document["attributes"] = _decode_attributes(attributes)
    if requests:
        # Most lines of most batches came with no such request; a plain tuple is found as quickly as can be.
        for document, position in zip(documents, zip(entries.partitions, entries.offsets, strict=True), strict=True):
            marks = requests.get(position)
            if marks and (mark := request_marks.of_line(marks, document["line"])):
                document["request"] = mark.document()
    return documents


def _origin(entry: Entry | Left, topic: bytes) -> dict[str, Any]:
    return {"topic": topic, "partition": entry.partition, "offset": entry.offset, "line": entry.line}


def _decoded(answers: Iterator[object]) -> Iterator[list[dict[str, Any]]]:
    while True:
        with mongo_errors():
            # The driver's types say that raw answers are documents.
            answer = cast("bytes | None", next(answers, None))
        if answer is None:
            return
        yield bson.decode_all(answer)
