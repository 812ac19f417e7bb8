"""Recipients that a backup is encrypted for, and identities that read it, as the tool `age` has them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyrage

from processing.backup.files.problem import BackupProblem

# Of either kind; the package has no types.
Recipient: TypeAlias = Any
Identity: TypeAlias = Any


def recipients(texts: Iterable[str]) -> list[Recipient]:
    """Parse public keys: `age1…` of age, or a line of SSH.

    :raises BackupProblem: one is neither
    """
    found: list[Recipient] = []
    for number, text in enumerate(texts, start=1):
        kind = pyrage.x25519.Recipient if text.startswith("age1") else pyrage.ssh.Recipient
        try:
            found.append(kind.from_str(text.strip()))
        except pyrage.RecipientError:
            # Without the text: somebody may have passed the secret half.
            raise BackupProblem(
                f"Recipient {number} is no public key: expected age1… or a line as in ~/.ssh/id_ed25519.pub."
            ) from None
    return found


def identities(path: Path | None) -> Sequence[Identity]:
    """Read a file of secret keys: lines AGE-SECRET-KEY-1…, or one private key of SSH without a passphrase.

    :raises BackupProblem: it can't be read, or holds none
    """
    if path is None:
        return []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BackupProblem(f"The identity {path} can't be read: {error.strerror}.") from None
    try:
        if b"PRIVATE KEY-----" in data:
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = (line.strip() for line in data.decode().splitlines())
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = []
    if not found:
        raise BackupProblem(
            f"{path} holds no identity: expected a file as `manage.py backup --new-identity` writes it."
        )
    return found


def make_identity(path: Path) -> str:
    """Write a new secret key into a file that only this user reads; return its public half.

    :raises BackupProblem: the file exists, or can't be written
    """
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"# public key: {public}\n{identity}\n")
    except OSError as error:
        raise BackupProblem(f"{path} can't be written: {error.strerror}.") from None
    return public
