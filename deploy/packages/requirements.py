"""Reads requirements: what each `.in` file asks for, and what its `.txt` file pins."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent
# Each is compiled with those before it as constraints, so that a package has one version in all.
NAMES = ("requirements", "requirements-otel", "requirements-local", "requirements-dev", "requirements-peers")

_STAMP = re.compile(r"^# Of (\S+), SHA-256 ([0-9a-f]{64})\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a `.txt` file."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        """Return the version that is pinned, empty if none is."""
        specifiers = list(self.requirement.specifier)
        return specifiers[0].version if len(specifiers) == 1 and specifiers[0].operator == "==" else ""


def stamp(name: str, root: Path) -> str:
    """Return the line by which a `.txt` file says of which `.in` file it was made."""
    return f"# Of {name}.in, SHA-256 {digest(root / f'{name}.in')}."


def digest(file: Path) -> str:
    """Return a hash of a file and of those that it includes with `-r`."""
    found = hashlib.sha256(file.read_bytes())
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            found.update(digest(file.parent / line.split()[1]).encode())
    return found.hexdigest()


def asked_for(file: Path) -> Iterator[Requirement]:
    """Return what a `.in` file names itself."""
    for line in file.read_text().splitlines():
        if line and not line.startswith(("#", "-")):
            yield Requirement(line)


def pins(text: str) -> Iterator[Pin]:
    """Return the packages of a `.txt` file; its long lines are broken with backslashes."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            words = line.split(" --hash=")
            yield Pin(Requirement(words[0].strip()), frozenset(word.strip() for word in words[1:]))


def findings(root: Path = ROOT) -> list[str]:
    """Return a sentence for each place where the files do not agree; it needs no network."""
    found: list[str] = []
    versions: dict[str, str] = {}
    for name in NAMES:
        text = (root / f"{name}.txt").read_text()
        if stamp(name, root) not in text.splitlines():
            found.append(f"{name}.txt was made of another {name}.in: run `make requirements`.")
        pinned = {pin.requirement.name: pin for pin in pins(text)}
        found += [f"{name}.txt: {pin.requirement.name} has no hash." for pin in pinned.values() if not pin.hashes]
        for asked in asked_for(root / f"{name}.in"):
            pin = pinned.get(asked.name.lower())
            if pin is None or pin.version not in asked.specifier:
                found.append(f"{name}.txt does not pin what {name}.in asks for: {asked.name}.")
        for pin in pinned.values():
            before = versions.setdefault(pin.requirement.name, pin.version)
            if before != pin.version:
                found.append(f"{pin.requirement.name} is {before} in one file and {pin.version} in {name}.txt.")
    return found
