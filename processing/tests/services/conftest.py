"""A deployment that several tests share, each of which finds it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection

from deploy.testing.deployment import Deployment

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""


@pytest.fixture(name="_migrated", scope="module")
def _filled_by_migrations(module_site: Deployment) -> frozenset[str]:
    return frozenset(filled_tables())


@pytest.fixture
def emptied_site(module_site: Deployment, _migrated: frozenset[str]) -> Iterator[Deployment]:
    """Return the deployment of the module, for tests that write to PostgreSQL alone: afterwards its tables are empty."""
    yield module_site
    if filled := filled_tables() - _migrated:
        names = ", ".join(connection.ops.quote_name(name) for name in sorted(filled))
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    cache.clear()


def filled_tables() -> set[str]:
    """Return the tables that have a row."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        names = [name for (name,) in cursor.fetchall()]
        parts = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(name)})" for name in names)
        cursor.execute(" UNION ALL ".join(parts))
        return {name for (name,) in cursor.fetchall()}
