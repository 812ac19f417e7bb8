"""Runs the ingest process, which ends where it is ordered to: `python -m ingestion.tests.killable_receiver ORDERS UVICORN…`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

import ingestion.asgi  # noqa: F401 - the first, since it sets Django up
from ingestion.kafka.direct.leaders import Leaders
from ingestion.kafka.flush import Flush
from ingestion.kafka.group_commit import Publisher
from ingestion.tests.kill_points import KillOrders

POINTS = ("before send", "after send", "after acknowledgement")


def main() -> None:
    """Wrap the points, then serve."""
    path, *arguments = sys.argv[1:]
    orders = KillOrders(Path(path))
    send, on_complete = Flush.send, Publisher._on_complete

    def sending(self: Flush, partitions: int, leaders: Leaders) -> None:
        orders.passing("before send")
        send(self, partitions, leaders)
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
