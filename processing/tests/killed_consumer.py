"""Runs `manage.py consume` and kills it after a step: `python -m processing.tests.killed_consumer STEP [careful]`.

The lists of steps are wrapped from outside; the product knows nothing of it. STEP may also be `transaction`, for the
moment between COMMIT and the first step after it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, cast

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from processing import loop, pipeline  # noqa: E402 - after the setup
from processing.pipeline import Stores, Work  # noqa: E402 - after the setup

Step = Callable[..., None]


def main() -> None:
    """Wrap the steps, then consume until one kills."""
    step, *options = sys.argv[1:]
    if "careful" in options:
        pipeline.STORE[0] = going_carefully(pipeline.STORE[0])
    if step == "transaction":
        pipeline.DELIVER[0] = dying
    for steps in (pipeline.PREPARE, pipeline.STORE, pipeline.DELIVER, loop.FINISH):
        for index, one in enumerate(steps):
            if one.__name__ == step:
                steps[index] = followed_by_death(cast("Step", one))
    call_command("consume")


def dying(_owner: object, work: Work) -> None:
    """Die with the first batch that has events."""
    if not work.batch.entries:
        return
    if work.writing is not None:
        # Then there are documents, and no rows yet.
        work.writing.result()
    os.kill(os.getpid(), signal.SIGKILL)


def followed_by_death(step: Step) -> Step:
    def wrapped(owner: Any, work: Work) -> None:
        step(owner, work)
        dying(owner, work)

    return wrapped


def going_carefully(step: Step) -> Step:
    """Take the path by way of staging, as after a batch with known events."""

    def wrapped(stores: Stores, work: Work) -> None:
        stores.rows.careful = True
        step(stores, work)

    wrapped.__name__ = step.__name__
    return wrapped


if __name__ == "__main__":
    main()
