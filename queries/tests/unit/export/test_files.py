from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from queries.export import files
from queries.export.export import Export
from queries.export.files import PART, FileInUse


class Made:
    """Stands for an export of one piece."""

    rows = 1

    def __init__(self, piece: bytes) -> None:
        self._pieces = iter([piece])

    def __iter__(self) -> Made:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Nothing is held."""


def save(piece: bytes, path: Path, *, progress: Callable[[int], None] = lambda rows: None) -> int:
    return files.save(cast("Export", Made(piece)), path, progress=progress)


def stop(rows: int) -> None:
    raise InterruptedError


def before_the_lock(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, between the opening of a file and its lock."""
    flock = fcntl.flock

    def late(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        happens()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)


def test_a_file_is_replaced_by_one_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"before")

    assert save(b"whole", path) == 5
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"events": b"whole"}


def test_an_export_that_ended_before_the_lock_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events"
    before_the_lock(monkeypatch, lambda: save(b"of the other", path))

    with pytest.raises(FileInUse):
        save(b"mine", path)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"events": b"of the other"}


def test_an_export_that_failed_before_the_lock_takes_no_file_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events"

    def fail() -> None:
        with pytest.raises(InterruptedError):
            save(b"of the other", path, progress=stop)

    before_the_lock(monkeypatch, fail)

    with pytest.raises(FileInUse):
        save(b"mine", path)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_third_export_began_before_the_lock_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events"
    part = tmp_path / f"events{PART}"

    def end_and_begin() -> None:
        save(b"of the other", path)
        part.write_bytes(b"of the third")

    before_the_lock(monkeypatch, end_and_begin)

    with pytest.raises(FileInUse):
        save(b"mine", path)

    assert (path.read_bytes(), part.read_bytes()) == (b"of the other", b"of the third")
