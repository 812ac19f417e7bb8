"""Runs the ingest process, which ends where it is ordered to: `python -m ingestion.tests.killable_receiver ORDERS UVICORN…`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

import ingestion.asgi  # noqa: F401 - the first, since it sets Django up
from ingestion.kafka.flush import DirectWay, Flush
from ingestion.kafka.group_commit import Publisher
from ingestion.kafka.producer import Client
from ingestion.tests.kill_points import KillOrders

POINTS = ("before send", "after send", "after acknowledgement")


def main() -> None:
    """Wrap the points, then serve."""
    path, *arguments = sys.argv[1:]
    orders = KillOrders(Path(path))
    send, on_complete = Flush.send, Publisher._on_complete

    def sending(self: Flush, producer: Client, topic: str, partitions: int, leaders: DirectWay) -> None:
        orders.passing("before send")
        send(self, producer, topic, partitions, leaders)
        orders.passing("after send")

    def completing(self: Publisher, flush: Flush) -> None:
        # Nobody has been answered yet.
        orders.passing("after acknowledgement")
        on_complete(self, flush)

    Flush.send = sending  # type: ignore[method-assign]
    Publisher._on_complete = completing  # type: ignore[method-assign]
    uvicorn.main(arguments)


if __name__ == "__main__":
    main()
