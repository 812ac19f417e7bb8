"""A parse in steps: each says what it may cost before it is done, so that a long parse can leave the event loop."""

from __future__ import annotations

from collections.abc import Generator

from ingestion.events.batch import ParsedBatch

# Yields the cost of the next step, and returns the batch. The unit is what Python code takes for a byte: up to 1 us
# (measured with nests, numbers and empty objects).
Steps = Generator[int, None, ParsedBatch]

# C code reads so many bytes for one unit, as it splits a body into texts and as it parses a text.
SPLIT_BYTES = 500
PARSED_BYTES = 40
# What a text costs whatever its length: objects and calls.
TEXT = 10


class Parsing:
    """A parse that is under way."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._next = 0  # cost of the step that is about to be done
        self.cost = 0  # of the steps that are done

    def advance(self, most: int, *, force: bool = False) -> ParsedBatch | None:
        """Do steps of at most so much cost together; None: the batch is not complete yet.

        :param force: do one step, whatever it costs
        :raises RequestRejected: the text can't be parsed as a whole
        """
        left = most
        try:
            while self._next <= left or force:
                left, force = left - self._next, False
                self._next = next(self._steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            self.cost += most - left
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
