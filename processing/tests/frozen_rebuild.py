"""Runs `manage.py rebuild_rows` and freezes it: `python -m processing.tests.frozen_rebuild WHERE`.

WHERE is `between` or `within` two transactions that write rows. Its lease runs out within a second.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

import django

django.setup()

import psycopg  # noqa: E402 - after the setup
from django.core.management import call_command  # noqa: E402 - after the setup

from processing.events.entries import Entry  # noqa: E402 - after the setup
from processing.recovery.rebuild import maintenance  # noqa: E402 - after the setup
from processing.recovery.rebuild.row_writer import RowWriter  # noqa: E402 - after the setup
from processing.stores import month_partitions  # noqa: E402 - after the setup


def main() -> None:
    """Wrap what is to freeze, then rebuild."""
    maintenance.LENGTH = timedelta(seconds=1)
    if sys.argv[1] == "within":
        ensure = month_partitions.ensure

        def frozen_ensure(connection: psycopg.Connection, starts: Iterable[datetime]) -> None:
            ensure(connection, starts)
            freeze()

        month_partitions.ensure = frozen_ensure
    else:
        insert = RowWriter.insert

        def frozen_insert(writer: RowWriter, entries: list[Entry], **topic: object) -> int:
            freeze()
            return insert(writer, entries, **topic)  # type: ignore[arg-type]

        RowWriter.insert = frozen_insert  # type: ignore[method-assign, assignment]
    call_command("rebuild_rows")


def freeze() -> None:
    """Stop this process until it gets SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main()
