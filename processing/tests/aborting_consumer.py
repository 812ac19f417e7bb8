"""Runs `manage.py consume` and aborts it while it has an event: `python -m processing.tests.aborting_consumer WHERE`.

WHERE is `decode` or the name of a step of STORE or DELIVER. The process dies of any event whose text has POISON in it.
"""

from __future__ import annotations

import os
import resource
import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from ingestion.events import timestamps  # noqa: E402 - after the setup
from ingestion.kafka import record_decoder  # noqa: E402 - after the setup
from processing.consumer import steps  # noqa: E402 - after the setup
from processing.consumer.crashes import single_step  # noqa: E402 - after the setup
from processing.consumer.work import Step, StepResult, Stores, Work  # noqa: E402 - after the setup
from processing.events import decoding  # noqa: E402 - after the setup
from processing.events.batch import Batch  # noqa: E402 - after the setup

POISON = b"poison"


def main() -> None:
    """Wrap what is to die, then consume."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Its tests expel it from the group at once, and would wait for its lease.
    single_step.LENGTH = timedelta(seconds=1)
    [where] = sys.argv[1:]
    if where == "decode":
        die_decoding()
    for phase in (steps.STORE, steps.DELIVER):
        phase[:] = [dying(step) if step.__name__ == where else step for step in phase]
    call_command("consume")


def die_decoding() -> None:
    decode = record_decoder.decode

    def wrapped(value: bytes | None, *arguments: Any, **named: Any) -> Any:
        if POISON in (value or b""):
            os.abort()
        return decode(value, *arguments, **named)

    record_decoder.decode = wrapped


def dying(step: Step) -> Step:
    def wrapped(stores: Stores, work: Work) -> StepResult:
        again = Batch(work.batch.redelivered, asides=work.batch.asides)
        decoding.decode(again, now=timestamps.now())
        result = step(stores, work)
        if any(POISON in entry.payload for entry in (*work.batch.entries, *again.entries)):
            # As late as it can be: there are documents.
            if work.attempt.writing is not None:
                work.attempt.writing.exception()
            os.abort()
        return result

    wrapped.__name__ = step.__name__
    return wrapped


if __name__ == "__main__":
    main()
