"""What would become of dead letters if they were redriven now: a dry run that leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingestion import timestamps
from ingestion.problems import Code
from processing import decoding
from processing.batch import Batch, Entry, Record
from processing.document_store import DocumentStore
from processing.letters import redrive
from processing.letters import selection as letters
from processing.letters.redrive import NotMendable
from processing.letters.selection import MENDABLE, Selection
from processing.models import DeadLetter
from processing.row_store import RowStore

MOST = 2_000  # letters that one dry run looks at
CHUNK = 200  # letters, of up to 256 KiB each

Stores = tuple[RowStore, DocumentStore]


@dataclass(slots=True)
class Rehearsal:
    """The outcome, in letters."""

    total: int  # that were chosen; letters.MOST_COUNTED stands for that or more
    checked: int = 0  # of those
    stored: int = 0
    duplicate: int = 0  # their event is stored already, so they would be closed
    failing: Counter[str] = field(default_factory=Counter)  # by reason
    up_to: int = 0  # the last number that was meant

    def __str__(self) -> str:
        """Say it as a sentence: "41 of 57 would be stored now; 16 fail again: not_json"."""
        if not self.checked:
            return "No letter is to be sent."
        known = f" ({self.duplicate:,} of them are stored already)" if self.duplicate else ""
        return f"{self.stored + self.duplicate:,} of {self._chosen()} would be stored now{known}{self._failures()}."

    def _chosen(self) -> str:
        if self.checked == self.total:
            return f"{self.total:,}"
        more = " or more" if self.total == letters.MOST_COUNTED else ""
        return f"the first {self.checked:,} (of {self.total:,}{more})"

    def _failures(self) -> str:
        if not self.failing:
            return ""
        reasons = [(reason, f"{count:,} {reason}") for reason, count in self.failing.most_common()]
        named = ", ".join(text for _, text in reasons) if len(reasons) > 1 else reasons[0][0]
        return f"; {self.failing.total():,} fail again: {named}"


def rehearse(selection: Selection, *, up_to: int | None = None, most: int = MOST) -> Rehearsal:
    """Try the letters that a redrive of this selection would take, the oldest first and `most` of them.

    :param up_to: the last number that is meant; None: the newest there is
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store can't be asked
    """
    up_to = letters.newest() if up_to is None else up_to
    chosen = selection.actionable(up_to=up_to)
    result = Rehearsal(total=letters.count(chosen), up_to=up_to)
    with _opened() as stores:
        last = 0
        while result.checked < most:
            chunk = list(chosen.filter(id__gt=last).order_by("id")[: min(CHUNK, most - result.checked)])
            if not chunk:
                break
            last = chunk[-1].pk
            _try(chunk, stores, result)
    # More may be open again than were when they were counted.
    result.total = max(result.total, result.checked)
    return result


def rehearse_edited(letter: DeadLetter, line: bytes) -> Rehearsal:
    """Try one letter with the line that processing.letters.revision made.

    :raises NotMendable: the letter's state allows no edit
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store can't be asked
    """
    if letter.state not in MENDABLE:
        raise NotMendable
    letter.edited = line
    result = Rehearsal(total=1, up_to=letter.pk)
    with _opened() as stores:
        _try([letter], stores, result)
    return result


@contextmanager
def _opened() -> Iterator[Stores]:
    rows, documents = RowStore(), DocumentStore()
    try:
        yield rows, documents
    finally:
        rows.close()
        documents.close()


def _try(chosen: Sequence[DeadLetter], stores: Stores, result: Rehearsal) -> None:
    """Take letters through the consumer's own steps as far as these leave nothing behind; offsets stand for letters."""
    now = timestamps.now()
    batch = Batch(records=[_record(place, letter, now=now) for place, letter in enumerate(chosen)])
    decoding.decode(batch, now=now)
    failing = {letter.offset: str(letter.reason) for letter in batch.letters} | _refused_for_good(chosen)
    known, conflicts, new = _identities(batch.entries, stores)
    failing |= {entry.offset: Code.ID_CONFLICT for entry in conflicts}
    failing |= {entry.offset: Code.REFUSED_BY_STORE for entry in stores[0].refusals(new, topic=0)}
    duplicate = {entry.offset for entry in [*known, *batch.duplicates]} - failing.keys()
    result.checked += len(chosen)
    result.duplicate += len(duplicate)
    result.stored += len(chosen) - len(duplicate) - len(failing)
    result.failing.update(map(str, failing.values()))


def _record(place: int, letter: DeadLetter, *, now: int) -> Record:
    sent = redrive.record_of(letter, partitions=1)
    return Record(0, place, now, sent.value, sent.headers)


def _refused_for_good(chosen: Sequence[DeadLetter]) -> dict[int, str]:
    """Name those that MongoDB has refused: it can't be asked without writing, and what it can't hold it never can."""
    return {
        place: letter.reason
        for place, letter in enumerate(chosen)
        if letter.edited is None and letter.stage == "documents" and letter.reason == Code.REFUSED_BY_STORE
    }


def _identities(entries: Sequence[Entry], stores: Stores) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """Sort events into those stored already, those whose id has other content, and new ones."""
    rows, documents = stores
    hashes = rows.hashes(entries) | documents.hashes(entries)
    known = [entry for entry in entries if hashes.get(entry.key) == entry.hash]
    conflicts = [entry for entry in entries if entry.key in hashes and hashes[entry.key] != entry.hash]
    return known, conflicts, [entry for entry in entries if entry.key not in hashes]
