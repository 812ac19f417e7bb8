"""Dry run of a redrive: test what would happen to dead letters now, without any change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingestion.events import timestamps
from ingestion.problems import Code
from ingestion.runtime import pooled_connection
from processing.dead_letters import filters, redrive
from processing.dead_letters.filters import REDRIVABLE, LetterFilter
from processing.dead_letters.mending import mend as mends
from processing.dead_letters.mending.steps import Mend
from processing.dead_letters.redrive import NotRedrivable
from processing.events import decoding
from processing.events.batch import Batch, Record
from processing.events.entries import Entry
from processing.logic import current_logic
from processing.models import DeadLetter
from processing.stores import row_lookup
from processing.stores.mongodb.document_store import DocumentStore
from processing.stores.row_store import RowStore

MAX_LETTERS = 2_000  # of one dry run
CHUNK = 200  # letters, of up to 256 KiB each

Stores = tuple[RowStore, DocumentStore]


@dataclass(slots=True)
class DryRun:
    """The result of a dry run; numbers are of letters."""

    total: int  # that match; letters.MAX_COUNTED means that many or more
    checked: int = 0
    stored: int = 0
    duplicate: int = 0  # their events are stored already, so they would be closed
    failing: Counter[str] = field(default_factory=Counter)  # by reason
    up_to: int = 0  # the highest number that was included
    dropped: int = 0  # by a rule; they would be closed
    unfixed: Counter[str] = field(default_factory=Counter)  # by why the mend does not fix them: they stay open

    def __str__(self) -> str:
        """Return a sentence: "41 of 57 would be stored now; 16 fail again: not_json."."""
        if not self.checked:
            return "No letter is to be sent."
        known = f" ({self.duplicate:,} of them are stored already)" if self.duplicate else ""
        return f"{self.stored + self.duplicate:,} of {self._chosen()} would be stored now{known}{self._drops()}{self._failures()}{self._unfixed()}."

    def _chosen(self) -> str:
        if self.checked == self.total:
            return f"{self.total:,}"
        more = " or more" if self.total == filters.MAX_COUNTED else ""
        return f"the first {self.checked:,} (of {self.total:,}{more})"

    def _drops(self) -> str:
        return f"; {self.dropped:,} would be dropped by rules" if self.dropped else ""

    def _failures(self) -> str:
        return f"; {self.failing.total():,} fail again: {_named(self.failing)}" if self.failing else ""

    def _unfixed(self) -> str:
        return f"; {self.unfixed.total():,} not fixed, still open: {_named(self.unfixed)}" if self.unfixed else ""

    @property
    def works(self) -> int:
        """How many letters a redrive would close."""
        return self.stored + self.duplicate + self.dropped


def _named(reasons: Counter[str]) -> str:
    texts = [(reason, f"{count:,} {reason}") for reason, count in reasons.most_common()]
    return ", ".join(text for _, text in texts) if len(texts) > 1 else texts[0][0]


def dry_run(
    selection: LetterFilter, *, up_to: int | None = None, most: int = MAX_LETTERS, mend: Mend | None = None
) -> DryRun:
    """Test the letters that a redrive of this selection would send, oldest first, at most `most` of them.

    :param up_to: the highest number to include; None: the newest letter
    :param mend: changes each letter before it is sent
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: an operator must act
    """
    up_to = filters.newest() if up_to is None else up_to
    chosen = selection.actionable(up_to=up_to)
    result = DryRun(total=filters.count(chosen), up_to=up_to)
    with _opened() as stores:
        last = 0
        while result.checked < most:
            chunk = list(chosen.filter(id__gt=last).order_by("id")[: min(CHUNK, most - result.checked)])
            if not chunk:
                break
            last = chunk[-1].pk
            result.checked += len(chunk)
            fixed = chunk if mend is None else _mended(chunk, mend, result)
            if fixed:
                _test(fixed, stores, result)
    # Letters may have been reopened since they were counted.
    result.total = max(result.total, result.checked)
    return result


def dry_run_edited(letter: DeadLetter, line: bytes) -> DryRun:
    """Test one letter with the line that processing.dead_letters.edit returned.

    :raises NotMendable: the letter's state allows no edit
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: an operator must act
    """
    if letter.state not in REDRIVABLE:
        raise NotRedrivable
    letter.edited = line
    result = DryRun(total=1, checked=1, up_to=letter.pk)
    with _opened() as stores:
        _test([letter], stores, result)
    return result


@contextmanager
def _opened() -> Iterator[Stores]:
    rows, documents = RowStore(), DocumentStore()
    try:
        yield rows, documents
    finally:
        rows.close()
        pooled_connection.release()
        documents.close()


def _mended(chosen: Sequence[DeadLetter], mend: Mend, result: DryRun) -> list[DeadLetter]:
    """Mend letters, not in the database; return those that are fixed, and count the others."""
    fixed, now = [], timestamps.now()
    for letter in chosen:
        try:
            letter.edited = mends.mended_line(letter, mend, now=now)
        except mends.UNFIXED as error:
            result.unfixed[mends.why_unfixed(error)] += 1
        else:
            fixed.append(letter)
    return fixed


def _test(chosen: Sequence[DeadLetter], stores: Stores, result: DryRun) -> None:
    """Run letters through the consumer's steps that change nothing; the offset of a record is the index of its letter."""
    pooled_connection.release()
    now = timestamps.now()
    batch = Batch(records=[_record(index, letter, now=now) for index, letter in enumerate(chosen)])
    rows = stores[0]
    with rows.transaction(undo=True), rows.cursor() as cursor:
        logic = current_logic.load(cursor, rows.revision)
    decoding.decode(batch, now=now, judge=logic.judge)
    failing = {letter.offset: str(letter.reason) for letter in batch.letters} | _refused_by_mongo(chosen)
    known, conflicts, new = _identities(batch.entries, stores)
    failing |= {entry.offset: Code.ID_CONFLICT for entry in conflicts}
    failing |= {entry.offset: Code.REFUSED_BY_STORE for entry in stores[0].refusals(new, topic=0)}
    duplicate = {entry.offset for entry in [*known, *batch.duplicates]} - failing.keys()
    kept = duplicate | {entry.offset for entry in batch.entries}
    dropped = {entry.offset for entry in batch.dropped} - failing.keys() - kept
    result.duplicate += len(duplicate)
    result.dropped += len(dropped)
    result.stored += len(chosen) - len(duplicate) - len(dropped) - len(failing)
    result.failing.update(map(str, failing.values()))


def _record(index: int, letter: DeadLetter, *, now: int) -> Record:
    sent = redrive.record_of(letter, partitions=1)
    return Record(0, index, now, sent.value, sent.headers)


def _refused_by_mongo(chosen: Sequence[DeadLetter]) -> dict[int, str]:
    """Return the letters that MongoDB refused, with their reason: it would refuse them again."""
    return {
        index: letter.reason
        for index, letter in enumerate(chosen)
        if letter.edited is None and letter.stage == "documents" and letter.reason == Code.REFUSED_BY_STORE
    }


def _identities(entries: Sequence[Entry], stores: Stores) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """Split events into stored ones, conflicts (other content has their id), and new ones."""
    rows, documents = stores
    with rows.cursor() as cursor:
        hashes = row_lookup.content_hashes(cursor, entries) | documents.hashes(entries)
    known = [entry for entry in entries if hashes.get(entry.key) == entry.hash]
    conflicts = [entry for entry in entries if entry.key in hashes and hashes[entry.key] != entry.hash]
    return known, conflicts, [entry for entry in entries if entry.key not in hashes]
