"""`manage.py version`: which release this is, on what it runs, and whether its migrations are applied."""

from __future__ import annotations

import json
import platform
from argparse import ArgumentParser
from typing import Any, TypedDict

import django
from django.core.management.base import CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from dataflow_site.version import VERSION
from ingestion.management.command import OperatorCommand, add_json


class Versions(TypedDict):
    """What is said."""

    version: str
    python: str
    django: str
    postgresql: str | None  # None: it does not answer
    pendingMigrations: list[str] | None  # that are to be applied, in their order


class Command(OperatorCommand):
    help = (
        "Print the version of this release, of Python, Django and PostgreSQL, and the migrations that wait.\n\n"
        "Exit codes: 0 every migration is applied, 1 some wait (manage.py migrate), 2 PostgreSQL does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json(parser)

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        """Print it.

        :raises CommandError: migrations wait (1), or PostgreSQL does not answer (2)
        """
        found = _versions()
        self.stdout.write(json.dumps(found) if as_json else _in_words(found))
        if found["pendingMigrations"] is None:
            raise CommandError("PostgreSQL does not answer, so it is not known which migrations wait.", returncode=2)
        if found["pendingMigrations"]:
            raise CommandError("Migrations wait: run manage.py migrate.", returncode=1)


def _versions() -> Versions:
    postgresql, pending = None, None
    try:
        executor = MigrationExecutor(connection)
        pending = [str(each) for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            [postgresql] = cursor.fetchone() or [None]
    except Error:
        pending = None
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgresql": postgresql,
        "pendingMigrations": pending,
    }


def _in_words(found: Versions) -> str:
    pending = found["pendingMigrations"]
    waiting = "not known" if pending is None else ", ".join(pending) or "none"
    return (
        f"data-flow-engine {found['version']} (Python {found['python']}, Django {found['django']},"
        f" PostgreSQL {found['postgresql'] or 'does not answer'}); migrations that wait: {waiting}"
    )
