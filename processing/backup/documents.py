"""Writes MongoDB's documents into a backup, and restores them: one after the other, as `mongodump` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from processing.backup.files.streams import Pieces
from processing.stores.mongodb import raw_documents

FILE = "documents.bson.zst"
_CHUNK_BYTES = 2 * 1024 * 1024
_CHUNK = 1_000  # documents
_LENGTH = 4  # bytes before each document, which are a part of it: https://bsonspec.org/spec.html


class Counted:
    """All documents as a source, which counts them."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self.count = 0
        self._advance = advance
        self._pieces = Pieces(self._read())

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes."""
        return self._pieces.read(size)

    def _read(self) -> Iterator[bytes]:
        for answer in raw_documents.answers():
            self.count += sum(1 for _ in _ends(answer))
            self._advance(len(answer))
            yield answer


class Splitter:
    """Takes the bytes of a file and passes its documents on, in chunks.

    :param put: is called with the documents of a chunk
    """

    def __init__(self, put: Callable[[list[bytes]], object]) -> None:
        self._put = put
        self._rest = bytearray()
        self._chunk: list[bytes] = []
        self._size = 0
        self.count = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._rest += data
        taken = 0
        for end in _ends(self._rest):
            self._add(bytes(self._rest[taken:end]))
            taken = end
        del self._rest[:taken]

    def end(self) -> bool:
        """Pass the last chunk on; return whether the bytes ended with a document."""
        self._flush()
        return not self._rest

    def _add(self, document: bytes) -> None:
        self._chunk.append(document)
        self._size += len(document)
        self.count += 1
        if self._size >= _CHUNK_BYTES or len(self._chunk) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._chunk:
            self._put(self._chunk)
        self._chunk, self._size = [], 0


def _ends(data: bytes | bytearray) -> Iterator[int]:
    """Yield where each whole document ends that bytes begin with."""
    start = 0
    while start + _LENGTH <= len(data):
        end = start + int.from_bytes(data[start : start + _LENGTH], "little")
        if end > len(data) or end <= start:
            return
        yield end
        start = end
