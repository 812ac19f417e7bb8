"""Runs `manage.py consume` as a release that can't do some events: `python -m processing.tests.refusing_consumer`.

An event whose payload says `"refuse": "once"` becomes a dead letter unless it is a redrive, `"always"` in any case.
"""

from __future__ import annotations

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from ingestion.problems import Code  # noqa: E402 - after the setup
from processing.events import decoding  # noqa: E402 - after the setup
from processing.events.batch import Batch  # noqa: E402 - after the setup
from processing.events.entries import Entry  # noqa: E402 - after the setup
from processing.events.judged import Judge  # noqa: E402 - after the setup
from processing.partitions import outcome_window  # noqa: E402 - after the setup

decode = decoding.decode


def main() -> None:
    """Wrap the decoder, then consume."""
    decoding.decode = refusing
    # Hundreds of dead letters are what a test wants.
    outcome_window.MOST_IN_A_ROW = outcome_window.MOST_IN_WINDOW = sys.maxsize
    call_command("consume")


def refusing(batch: Batch, *, now: int, judge: Judge | None = None) -> None:
    decode(batch, now=now, judge=judge)
    redriven = batch.redriven()

    def refused(entry: Entry) -> bool:
        mark = entry.values.get("refuse")
        return mark == "always" or (mark == "once" and (entry.partition, entry.offset) not in redriven)

    batch.letters += [
        decoding.letter(entry, reason=Code.REFUSED_BY_STORE, detail="PostgreSQL can't hold this event", stage="rows")
        for entry in batch.entries
        if refused(entry)
    ]
    batch.entries = batch.entries.without(entry.key for entry in batch.entries if refused(entry))


if __name__ == "__main__":
    main()
