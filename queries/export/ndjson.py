"""Events as lines of JSON, each as GET /data has it, and the line that accounts for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from processing.stores.jsonb import load_payload
from queries.events import projection
from queries.export.reading import Block, Snapshot
from queries.request.times import as_rfc_3339


def render(blocks: Iterator[Block], fields: Sequence[tuple[str, ...]] | None) -> Iterator[bytes]:
    """Yield the lines of each block."""
    for block in blocks:
        rows = block.rows() if fields is None else _projected(block.rows(), fields)
        yield "".join([_line(row) for row in rows]).encode()


class Account:
    """Sums up the pieces of an export, for the line behind them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Add the next piece."""
        self._digest.update(piece)
        self._size += len(piece)

    def line(self, *, rows: int, snapshot: Snapshot, query: object) -> bytes:
        """Return the line, which accounts for everything before it."""
        manifest = {
            "rows": rows,
            "bytes": self._size,
            "sha256": self._digest.hexdigest(),
            "at": snapshot.at,
            "snapshot": snapshot.name,
            "query": query,
        }
        return msgspec.json.encode({"manifest": manifest}) + b"\n"


def _line(row: tuple[str, ...]) -> str:
    id_, source_id, ts, received, stored, tags, payload = row
    return (
        f'{{"eventId":"{id_}","sourceId":"{source_id}","timestamp":"{as_rfc_3339(ts)}",'
        f'"receivedAt":"{as_rfc_3339(received)}","storedAt":"{as_rfc_3339(stored)}",'
        f'"payload":{payload},"tags":{tags or "[]"}}}\n'
    )


def _projected(rows: Iterator[tuple[str, ...]], fields: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for *envelope, payload in rows:
        part = projection.of(load_payload(payload), fields)
        yield (*envelope, msgspec.json.encode(part).decode())
