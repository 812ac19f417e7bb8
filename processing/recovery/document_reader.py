"""Raw documents read back as the events they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

import msgspec
from bson import DBRef

from ingestion.content import content_hash
from processing.batch import Entry
from processing.document_ids import source_digest

_encode = msgspec.json.Encoder().encode
_PLACE = ("partition", "offset", "line")


def entry(document: Mapping[str, object]) -> Entry | None:
    """Turn a document back into its event; None when it is not what was stored, by its own hash and id."""
    key, source, values = document.get("_id"), document.get("source"), _plain(document.get("payload"))
    numbers = [document.get(name) for name in ("ts_us", "received_us", "hash", *_PLACE)]
    if not isinstance(key, bytes) or not isinstance(source, str) or not isinstance(values, dict):
        return None
    if len(key) != 24 or key[16:] != source_digest(source) or not all(isinstance(one, int) for one in numbers):
        return None
    ts, received, hash_, partition, offset, line = (int(cast("int", one)) for one in numbers)
    try:
        timed = hash_ == content_hash(ts, values)
        if not timed and hash_ != content_hash(None, values):
            return None
    except TypeError:
        # A kind of value that JSON does not have.
        return None
    return Entry(
        key, key[:16], str(UUID(bytes=key[:16])).encode(), source, ts, received, _encode(values), values, hash_,
        partition, offset, line, timed,
    )  # fmt: skip


def is_as_stored(document: Mapping[str, object]) -> bool:
    """Tell whether an event can be made of a document, and has the content that its hash was made of."""
    return entry(document) is not None and topic(document) is not None


def topic(document: Mapping[str, object]) -> UUID | None:
    """Give Kafka's id of the topic that the document's event came from."""
    found = document.get("topic")
    return UUID(bytes=found) if isinstance(found, bytes) and len(found) == 16 else None


def _plain(value: object) -> object:
    """Undo the driver's own types: integers of 64 bits, and references, which it makes of objects with a key $ref."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
