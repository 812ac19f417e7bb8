"""A parse in steps: each says what it may cost before it is done, so that a long parse can leave the event loop."""

from __future__ import annotations

from collections.abc import Generator

from ingestion.events.batch import ParsedBatch

# Yields the bytes that the next step reads with Python code, and returns the batch.
Steps = Generator[int, None, ParsedBatch]

# C code reads at least so many bytes in the time that Python code takes for one.
BYTES_IN_C = 16


class Parsing:
    """A parse that is under way."""

    def __init__(self, steps: Steps, first: int) -> None:
        """Continue after what the steps yielded first."""
        self._steps = steps
        self._next = first  # bytes of the step that is about to be done

    def advance(self, most: int, *, force: bool = False) -> ParsedBatch | None:
        """Do steps of at most so many bytes together; None: the batch is not complete yet.

        :param force: do one step, however long it is
        :raises RequestRejected: the text can't be parsed as a whole
        """
        try:
            while self._next <= most or force:
                most, force = most - self._next, False
                self._next = next(self._steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        return None


def finish(found: ParsedBatch | Steps) -> ParsedBatch:
    """Do all steps now, if there are any.

    :raises RequestRejected: the text can't be parsed as a whole
    """
    if isinstance(found, ParsedBatch):
        return found
    try:
        while True:
            next(found)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
