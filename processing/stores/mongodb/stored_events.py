"""Many documents as the events that were sent, by columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from bson import DBRef

from ingestion.events.identity.content_hash import content_hash, content_hashes
from processing.events.document_ids import source_digest, uuid_text
from processing.events.entries import Entries

_encode = msgspec.json.Encoder().encode
_NUMBERS = ("ts_us", "received_us", "hash", "partition", "offset", "line")
# What JSON and the driver have in common; everything else has to be converted.
_PLAIN = frozenset({str, int, float, bool, type(None)})


class Read(NamedTuple):
    """The events of some documents, and how many of these do not match their own hash or id."""

    events: Entries
    damaged: int


def events_of(documents: Sequence[Mapping[str, Any]]) -> Read:
    """Return the events of documents, in their order. A document that is damaged has none."""
    whole = [document for document in documents if _is_whole(document)]
    values = [plain_payload(document["payload"]) for document in whole]
    times = [int(document["ts_us"]) for document in whole]
    hashes = [int(document["hash"]) for document in whole]
    try:
        found = content_hashes(times, values)
    except TypeError:  # a type of value that JSON does not have
        return _by_halves(documents)
    timed = [stored == hash_ for stored, hash_ in zip(hashes, found, strict=True)]
    intact = [
        index
        for index, with_time in enumerate(timed)
        if with_time or hashes[index] == content_hash(None, values[index])
    ]
    count = len(whole)
    events = Entries(
        keys=[document["_id"] for document in whole],
        texts=[uuid_text(document["_id"].hex()) for document in whole],
        sources=[document["source"] for document in whole],
        times=times,
        received=[int(document["received_us"]) for document in whole],
        payloads=list(map(_encode, values)),
        values=values,
        hashes=hashes,
        partitions=[document["partition"] for document in whole],
        offsets=[int(document["offset"]) for document in whole],
        lines=[document["line"] for document in whole],
        timed=timed,
        attributes=[b""] * count,
        rolled=[True] * count,
        made=[None] * count,
    )
    return Read(events if len(intact) == count else events.select(intact), len(documents) - len(intact))


def plain_payload(payload: dict[str, Any] | DBRef) -> dict[str, object]:
    """Convert the driver's own types: 64-bit integers, and the references it makes of objects with a key $ref."""
    if isinstance(payload, DBRef):
        payload = dict(payload.as_doc())
    if _PLAIN.issuperset(map(type, payload.values())):
        return payload
    return {name: value if type(value) in _PLAIN else _plain(value) for name, value in payload.items()}


def _plain(value: object) -> object:
    if isinstance(value, dict | DBRef):
        return plain_payload(value)
    if isinstance(value, list):
        return [item if type(item) in _PLAIN else _plain(item) for item in value]
    return int(value) if isinstance(value, int) else value


def _is_whole(document: Mapping[str, Any]) -> bool:
    key, source = document.get("_id"), document.get("source")
    return (
        isinstance(key, bytes)
        and len(key) == 24
        and isinstance(source, str)
        and key[16:] == source_digest(source)
        and isinstance(document.get("payload"), dict | DBRef)
        and all([isinstance(document.get(name), int) for name in _NUMBERS])  # noqa: C419 - a generator takes twice as long
    )


def _by_halves(documents: Sequence[Mapping[str, Any]]) -> Read:
    """Find which document it is that can't be written as JSON."""
    if len(documents) == 1:
        return Read(Entries(), 1)
    half = len(documents) // 2
    first, second = events_of(documents[:half]), events_of(documents[half:])
    return Read(Entries.of([*first.events, *second.events]), first.damaged + second.damaged)
