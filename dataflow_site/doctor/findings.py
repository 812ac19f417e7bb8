"""What a check says, and the groups that checks stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, TypeVar

Opened = TypeVar("Opened")


class Level(IntEnum):
    """How bad it is."""

    OK = 0
    WARNING = 1  # works, but not as well or as safely as it should
    ERROR = 2  # something does not work, or events can be lost


@dataclass(frozen=True, slots=True)
class Said:
    """What a check found; without any it is as it should be."""

    level: Level
    text: str
    mend: str = ""  # a command, or what to do


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said, and by which check."""

    check: str
    said: Said


@dataclass(frozen=True, slots=True)
class Check(Generic[Opened]):
    """One thing that is looked at."""

    name: str  # of the group and its own: postgresql.clock
    right: str  # what is so if nothing is said
    look: Callable[[Opened], Iterator[Said]]


@dataclass(slots=True)
class Group(Generic[Opened]):
    """The checks of one server, which share what is opened for them."""

    name: str
    open: Callable[[], AbstractContextManager[Opened]]
    mend: str  # if it can't be opened
    is_server: bool = True  # so that it is worth saying that it answers
    checks: list[Check[Opened]] = field(default_factory=list)

    def check(self, name: str, right: str) -> Callable[[Callable[[Opened], Iterator[Said]]], Check[Opened]]:
        """Add a check. The function gets what was opened, and yields what is wrong."""

        def add(look: Callable[[Opened], Iterator[Said]]) -> Check[Opened]:
            made = Check(f"{self.name}.{name}", right, look)
            self.checks.append(made)
            return made

        return add


AnyGroup = Group[Any]


def error(text: str, mend: str) -> Said:
    """Something does not work, or events can be lost."""
    return Said(Level.ERROR, text, mend)


def warning(text: str, mend: str) -> Said:
    """It works, but not as well or as safely as it should."""
    return Said(Level.WARNING, text, mend)


def right(text: str) -> Said:
    """It is as it should be, and this is worth knowing."""
    return Said(Level.OK, text)
