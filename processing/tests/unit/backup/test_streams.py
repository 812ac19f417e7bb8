"""The files of a backup come back as they were written, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bson
import pytest

from processing.backup.documents import Splitter
from processing.backup.files import encryption, streams
from processing.backup.files.encryption import Identity
from processing.backup.files.problem import BackupProblem
from processing.backup.files.streams import Pieces

PIECES = [bytes([number]) * size for number, size in enumerate((1, 70_000, 0, 1_048_577, 3))]


@pytest.fixture(params=["plain", "encrypted"])
def identity(request: pytest.FixtureRequest, tmp_path: Path) -> list[Identity]:
    if request.param == "plain":
        return []
    encryption.make_identity(tmp_path / "key")
    return list(encryption.identities(tmp_path / "key"))


def write(folder: Path, pieces: Iterator[bytes], identity: list[Identity]) -> Path:
    public = encryption.recipients(str(one.to_public()) for one in identity)
    return folder / streams.write(folder, "rows.zst", Pieces(pieces), public).name


def test_what_is_written_is_read(tmp_path: Path, identity: list[Identity]) -> None:
    path = write(tmp_path, iter(PIECES), identity)

    found: list[bytes] = []
    streams.read(path, found.append, identity)

    assert b"".join(found) == b"".join(PIECES)
    assert path.name == ("rows.zst.age" if identity else "rows.zst")


def test_the_error_of_a_source_and_of_a_reader_comes_out_as_it_is(tmp_path: Path, identity: list[Identity]) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a" * 3_000_000
        raise LookupError("of the source")

    def put(_piece: bytes) -> None:
        raise LookupError("of the reader")

    with pytest.raises(LookupError, match="of the source"):
        write(tmp_path, broken(), identity)
    (tmp_path / "whole").mkdir()
    path = write(tmp_path / "whole", iter(PIECES), identity)
    with pytest.raises(LookupError, match="of the reader"):
        streams.read(path, put, identity)


def test_a_changed_byte_is_not_read_as_content(tmp_path: Path, identity: list[Identity]) -> None:
    path = write(tmp_path, iter(PIECES), identity)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)

    with pytest.raises(BackupProblem, match="can't be read"):
        streams.read(path, lambda _piece: None, identity)


def test_no_text_that_is_no_public_key_is_repeated() -> None:
    with pytest.raises(BackupProblem) as problem:
        encryption.recipients(["AGE-SECRET-KEY-1C4NARY"])

    assert "C4NARY" not in str(problem.value)


def test_documents_are_split_wherever_the_bytes_are_cut() -> None:
    documents = [bson.encode({"n": number, "text": "x" * (number % 50)}) for number in range(2_500)]
    data = b"".join(documents)

    for size in (1, 7, 4_096, len(data)):
        chunks: list[list[bytes]] = []
        split = Splitter(chunks.append)
        for start in range(0, len(data), size):
            split.write(data[start : start + size])

        assert split.end()
        assert [document for chunk in chunks for document in chunk] == documents
        assert max(map(len, chunks)) == 1_000


def test_bytes_that_end_within_a_document_are_noticed() -> None:
    split = Splitter(lambda _chunk: None)

    split.write(bson.encode({"n": 1}) + bson.encode({"n": 2})[:-1])

    assert not split.end()
    assert split.count == 1
