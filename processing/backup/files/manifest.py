"""The manifest of a backup: what it holds, from when, and the sums of its files. It is written last."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from processing.backup.files.problem import BackupProblem

NAME = "manifest.json"
FORMAT = 1
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # slow on purpose, as for passwords: the manifest is not encrypted


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the backup."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a partition's records have their effects in the rows of the backup."""

    topic: str
    topic_id: str  # Kafka's
    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. Nothing of it is secret."""

    format: int
    id: str
    release: str  # of the product
    begun: datetime  # the rows are from here
    ended: datetime
    postgresql: str  # version of the server
    mongodb: str
    migrations: Mapping[str, Sequence[str]]  # by app, in the order of their names
    positions: Sequence[Position]
    rows: int  # of events
    documents: int
    encrypted: bool
    secret_mark: str  # of DATAFLOW_SECRET_KEY
    files: Sequence[StoredFile]

    def file(self, name: str) -> StoredFile:
        """Return one of the files by the beginning of its name."""
        return next(file for file in self.files if file.name.startswith(name))

    @property
    def size(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)


def to_json(manifest: Manifest) -> bytes:
    """Write it as people and programs read it."""
    shape = {**asdict(manifest), "begun": manifest.begun.isoformat(), "ended": manifest.ended.isoformat()}
    return json.dumps(shape, indent=2).encode() + b"\n"


def load(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    :raises BackupProblem: there is none that this release reads
    """
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        raise BackupProblem(f"{folder} is no backup: it has no {NAME}.") from None
    except OSError as error:
        raise BackupProblem(f"{folder / NAME} can't be read: {error.strerror}.") from None
    try:
        number = msgspec.json.decode(data, type=dict[str, object])["format"]
        if number != FORMAT:
            raise BackupProblem(f"{folder} is a backup of format {number}, and this release reads {FORMAT}.")
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, KeyError) as error:
        raise BackupProblem(f"{folder / NAME} is damaged: {error}.") from None


def mark(secret: str) -> str:
    """Return what recognises a secret and does not reveal it."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_derived(secret, salt)}"


def is_marked(secret: str, by: str) -> bool:
    """Return whether `mark` returned this for the secret."""
    salt, _, derived = by.partition(":")
    return secrets.compare_digest(_derived(secret, bytes.fromhex(salt)), derived)


def _derived(secret: str, salt: bytes) -> str:
    return hashlib.scrypt(secret.encode(), salt=salt, dklen=32, **_SCRYPT).hex()
