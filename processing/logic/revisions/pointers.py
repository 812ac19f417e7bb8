"""JSON pointers (RFC 6901) into contents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from processing.logic.faults import InvalidLogic


def escaped(name: str) -> str:
    """Return a name as a pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")


@contextmanager
def below(pointer: str) -> Iterator[None]:
    """Put a pointer before those of the faults that are raised inside."""
    try:
        yield
    except InvalidLogic as error:
        raise InvalidLogic(fault._replace(pointer=pointer + fault.pointer) for fault in error.faults) from error
