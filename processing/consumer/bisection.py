"""Finds the lines that trigger a bug of ours by halving, in trials that are undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from processing.events import skipped_lines
from processing.events.batch import WHOLE, Batch, Record, SkippedLine, SkippedLines

# Found in one batch. What fails more often is not caused by single events: the rest of the batch is read again, and the
# circuit breaker decides.
MOST = 200  # lines
DECODE = "decode"

Item = TypeVar("Item")


class Fault(NamedTuple):
    """What failed in a trial."""

    stage: str  # as of a dead letter
    step: str
    error: str  # the exception's type

    @property
    def aside(self) -> SkippedLine:
        """Why the line it is due to is set aside; never a value of the sender's."""
        return SkippedLine(
            self.stage, f"our own step {self.step} failed on it: {self.error}; the consumer's log has more"
        )


class FailingLine(NamedTuple):
    """A line, or a WHOLE record, that fails when it is alone."""

    record: Record
    line: int
    aside: SkippedLine


Trial = Callable[[Batch], Fault | None]


def failing_lines(batch: Batch, trial: Trial) -> list[FailingLine]:
    """Find what fails, in the order of the records, MOST at once; none: the batch as a whole succeeds now, or nothing fails alone.

    :param trial: runs all steps on a part of the batch and undoes them
    """
    records = sorted(batch.records, key=lambda record: record.position)
    return list(islice(_culprits(records, batch, trial), MOST))


def _culprits(records: Sequence[Record], batch: Batch, trial: Trial) -> Iterator[FailingLine]:
    for record, fault in _halve(records, lambda some: trial(Batch(list(some), asides=batch.asides))):
        known = batch.asides.get(record.position, {})
        yield from _lines(record, fault, known, trial)


def _lines(record: Record, fault: Fault, known: SkippedLines, trial: Trial) -> Iterator[FailingLine]:
    """Find the lines of a record that fail; the record is one where it can't be decoded, or no line fails alone."""
    lines = [] if fault.stage == DECODE else skipped_lines.numbers(record, known)

    def of_some(some: Sequence[int]) -> Fault | None:
        left_out = skipped_lines.only(some, of=lines, known=known)
        return trial(Batch([record], asides={record.position: left_out}))

    found = False
    for line, line_fault in _halve(lines, of_some):
        found = True
        yield FailingLine(record, line, line_fault.aside)
    if not found:
        yield FailingLine(record, WHOLE, fault.aside)


def _halve(items: Sequence[Item], trial: Callable[[Sequence[Item]], Fault | None]) -> Iterator[tuple[Item, Fault]]:
    fault = trial(items) if items else None
    if fault is None:
        return
    if len(items) == 1:
        yield items[0], fault
        return
    middle = len(items) // 2
    yield from _halve(items[:middle], trial)
    yield from _halve(items[middle:], trial)
