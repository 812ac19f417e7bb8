"""`manage.py migrate`: Django's own, without the pages' limit of a statement, and without making writers wait for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from ingestion.management.command import ChecksSettings
from processing.commandline.command import store_errors
from processing.monitoring import server_versions
from processing.supported_versions import POSTGRESQL

# Seconds that a step waits for a table; whoever comes after it waits as long.
LOCK_TIMEOUT = 1.0
ATTEMPTS = 60
PAUSE = 1.0  # seconds between two attempts, in which others get the table
OPTIONS = f"-c statement_timeout=0 -c lock_timeout={LOCK_TIMEOUT:g}s"


class Command(ChecksSettings, migrate.Command):
    """A migration whose table is in use is rolled back and tried again; those before it stay applied."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate.

        :raises CommandError: a table was in use at every attempt; with 2, PostgreSQL can't be used
        """
        with store_errors():
            server_versions.refuse_old(POSTGRESQL)
        with store_errors(), _without_limits(options["database"]):
            for _ in range(ATTEMPTS):
                try:
                    super().handle(*args, **options)
                except OperationalError as error:
                    if not isinstance(error.__cause__, LockNotAvailable):
                        raise
                else:
                    return
                self.stderr.write("A table is in use; trying again.")
                time.sleep(PAUSE)
        raise CommandError("A table was in use at every attempt; what was applied stays.")


@contextmanager
def _without_limits(alias: str) -> Iterator[None]:
    """Connect anew, with limits for migrations instead of those of pages."""
    connection = connections[alias]
    own, before = connection.settings_dict, connection.settings_dict["OPTIONS"]
    _disconnect(connection)
    # Without the pool, which would hand its connections on to others.
    own["OPTIONS"] = {**{name: value for name, value in before.items() if name != "pool"}, "options": OPTIONS}
    try:
        yield
    finally:
        _disconnect(connection)
        own["OPTIONS"] = before


def _disconnect(connection: Any) -> None:
    connection.close()
    connection.close_pool()
