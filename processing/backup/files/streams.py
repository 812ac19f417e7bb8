"""The files of a backup: compressed, encrypted if asked, and summed up, piece by piece and never whole in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyrage
import zstandard

from processing.backup.files.encryption import Identity, Recipient
from processing.backup.files.manifest import StoredFile
from processing.backup.files.problem import BackupProblem

PIECE = 1024 * 1024  # bytes
COMPRESSED, ENCRYPTED = ".zst", ".age"
# Three hundred megabytes a second on one core, a quarter of JSON's size; higher levels cost more than they save.
LEVEL = 3


class Source(Protocol):
    """What is read to its end, such as the output of a program."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes; none at the end."""


Write = Callable[[bytes], object]


class Pieces:
    """A source of pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes of the piece at hand."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:] if size >= 0 else memoryview(b"")
        return bytes(taken) if size >= 0 else bytes(self._rest)


class _Reader:
    """Remembers what its source raises: the encryption, which calls it back, passes on the text alone."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.error: Exception | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except Exception as error:
            self.error = error
            raise


class _Writer:
    """The same for a function that takes what is written."""

    def __init__(self, put: Write) -> None:
        self._put = put
        self.error: Exception | None = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        """What is below belongs to somebody else."""

    def write(self, data: bytes, /) -> int:
        try:
            self._put(data)
        except Exception as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Do nothing, since nothing is kept back."""


class _Summed:
    """Writes into a file and sums up what it wrote."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def write(folder: Path, name: str, source: Source, recipients: Sequence[Recipient]) -> StoredFile:
    """Write a source into a new file and onto the disk; a name that ends with `.zst` is compressed.

    What the source raises passes through.

    :raises OSError: the file can't be written
    """
    stored = name + (ENCRYPTED if recipients else "")
    descriptor = os.open(folder / stored, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=PIECE) as file:
        summed = _Summed(file)
        reader, writer = _Reader(source), _Writer(summed.write)
        try:
            _pass_on(_compressed(reader, name), writer, recipients)
        except (pyrage.EncryptError, OSError, zstandard.ZstdError):
            _raise_first(reader.error, writer.error)
            raise
        file.flush()
        os.fsync(file.fileno())
    return StoredFile(stored, summed.size, summed.digest)


def read(path: Path, put: Write, identities: Sequence[Identity]) -> None:
    """Call `put` with the content of a file, piece by piece. What it raises passes through.

    :raises BackupProblem: the file is encrypted for somebody else, or is damaged
    """
    below = _Writer(put)
    name = path.name.removesuffix(ENCRYPTED)
    try:
        with path.open("rb") as file, _unpacked(below, name) as writer:
            if path.name.endswith(ENCRYPTED):
                pyrage.decrypt_io(file, writer, list(identities))
            else:
                while piece := file.read(PIECE):
                    writer.write(piece)
    except (pyrage.DecryptError, OSError, zstandard.ZstdError) as error:
        _raise_first(below.error)
        if str(error) == "No matching keys found":
            raise BackupProblem(f"{path} is encrypted for another identity than --identity names.") from None
        raise BackupProblem(f"{path} can't be read: {error}.") from None


def sum_up(path: Path, advance: Callable[[int], None]) -> tuple[int, str]:
    """Return the size and SHA-256 of a file.

    :param advance: is called with the size of each piece
    :raises OSError: it can't be read
    """
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            advance(len(piece))
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _raise_first(*errors: Exception | None) -> None:
    """Raise the first error that there is."""
    for error in errors:
        if error is not None:
            raise error


def _compressed(source: Source, name: str) -> Source:
    if not name.endswith(COMPRESSED):
        return source
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_reader(
        cast("BinaryIO", source), read_size=PIECE
    )


def _unpacked(writer: _Writer, name: str) -> _Writer | zstandard.ZstdDecompressionWriter:
    if not name.endswith(COMPRESSED):
        return writer
    return zstandard.ZstdDecompressor().stream_writer(cast("BinaryIO", writer), write_size=PIECE, closefd=False)


def _pass_on(source: Source, writer: _Writer, recipients: Sequence[Recipient]) -> None:
    if recipients:
        pyrage.encrypt_io(source, writer, list(recipients))
        return
    while piece := source.read(PIECE):
        writer.write(piece)
