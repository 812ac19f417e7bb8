"""The tests of leases connect to PostgreSQL directly and through PgBouncer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.testing import pgbouncer
from deploy.testing.deployment import Deployment

DIRECTLY, THROUGH_PGBOUNCER = "directly", "through PgBouncer"


@pytest.fixture(scope="module", params=[DIRECTLY, pytest.param(THROUGH_PGBOUNCER, marks=pgbouncer.needs_pgbouncer)])
def way(request: pytest.FixtureRequest, module_site: Deployment) -> Iterator[str]:
    """How this process connects to the PostgreSQL of the module's deployment."""
    if request.param == DIRECTLY:
        yield DIRECTLY
        return
    with pgbouncer.between(module_site):
        yield THROUGH_PGBOUNCER
