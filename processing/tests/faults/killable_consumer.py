"""Runs `manage.py consume`, which ends where it is ordered to.

    python -m processing.tests.faults.killable_consumer ORDERS [VERSION]

Points are the names of the pipeline's steps, each meaning the moment after it; `poll`, after records came; `letters`,
after dead letters were written and before their transaction ends; and `transaction`, between COMMIT and the first step
after it. VERSION lets it read records of one more version, as a newer release would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import django
from psycopg import Connection

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from ingestion.kafka import record_headers  # noqa: E402 - after the setup
from ingestion.tests.kill_points import KillOrders  # noqa: E402 - after the setup
from processing.consumer import loop, steps  # noqa: E402 - after the setup
from processing.consumer.work import StepResult, Stores, Work  # noqa: E402 - after the setup
from processing.events.batch import Letter, Record  # noqa: E402 - after the setup
from processing.kafka.consumer import Consumer  # noqa: E402 - after the setup
from processing.stores import letter_writer  # noqa: E402 - after the setup

Step = Callable[..., Any]  # of the pipeline, or of the loop
STEPS = [step.__name__ for step in (*steps.PREPARE, *steps.STORE, *steps.DELIVER, *loop.FINISH)]
POINTS = ["poll", *STEPS, "letters", "transaction"]


def main() -> None:
    """Wrap the points, then consume."""
    path, *version = sys.argv[1:]
    orders = KillOrders(Path(path))
    for phase in (steps.PREPARE, steps.STORE, steps.DELIVER, loop.FINISH):
        phase[:] = [followed(cast("Step", step), orders) for step in phase]
    steps.STORE[0] = going_carefully(steps.STORE[0], orders)
    steps.DELIVER.insert(0, lambda _stores, work: passing(orders, "transaction", work))
    wrap_poll(orders)
    wrap_letters(orders)
    if version:
        record_headers.FORMAT_VERSION = int(version[0])
    call_command("consume")


def passing(orders: KillOrders, point: str, work: Work) -> None:
    """End with a batch that has events."""
    if not work.batch.entries:
        return
    order = orders.read()
    if order is not None and order.point == point and work.attempt.writing is not None:
        # Then there are documents, and no rows yet.
        work.attempt.writing.result()
    orders.passing(point)


def followed(step: Step, orders: KillOrders) -> Step:
    def wrapped(owner: Any, work: Work) -> StepResult:
        result: StepResult = step(owner, work)
        passing(orders, step.__name__, work)
        return result

    wrapped.__name__ = step.__name__
    return wrapped


def going_carefully(step: Step, orders: KillOrders) -> Step:
    """Take the path by way of staging, as after a batch with known events."""

    def wrapped(stores: Stores, work: Work) -> StepResult:
        order = orders.read()
        if order is not None and order.careful:
            stores.careful = True
        result: StepResult = step(stores, work)
        return result

    wrapped.__name__ = step.__name__
    return wrapped


def wrap_poll(orders: KillOrders) -> None:
    poll = Consumer.poll

    def polling(self: Consumer, *, wait: float, limit: int) -> list[Record]:
        polled = poll(self, wait=wait, limit=limit)
        if polled:
            orders.passing("poll")
        return polled

    Consumer.poll = polling  # type: ignore[method-assign]


def wrap_letters(orders: KillOrders) -> None:
    write = letter_writer.write_letters

    def writing(connection: Connection, letters: Sequence[Letter], topic: int) -> None:
        write(connection, letters, topic)
        if letters:
            orders.passing("letters")

    letter_writer.write_letters = writing


if __name__ == "__main__":
    main()
