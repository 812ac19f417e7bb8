"""A lease has one holder at a time, and one that has lost it writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from deploy.testing.deployment import Deployment
from processing.leases import lease
from processing.leases.lease import Lease, LeaseLost
from processing.leases.renewal import Renewal, renewed
from processing.models import Lease as LeaseRow
from processing.models import SourceStatistics
from processing.stores import postgres
from processing.tests.services.leases.conftest import DIRECTLY

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("way", "empty")]

LONG, SHORT = timedelta(minutes=1), timedelta(milliseconds=300)
EFFECT = (
    "INSERT INTO source_statistics (source_id, first_seen, last_seen, read, stored, duplicate, dead_lettered,"
    " dropped, fields_capped) VALUES (%s, now(), now(), 0, 0, 0, 0, 0, false)"
)


@pytest.fixture
def empty(way: str) -> Iterator[None]:
    """Leave no lease and no effect to the next test."""
    yield
    LeaseRow.objects.all().delete()
    SourceStatistics.objects.all().delete()


@pytest.fixture
def connection(way: str) -> Iterator[psycopg.Connection]:
    with postgres.connect() as opened:
        yield opened


@pytest.fixture
def other(way: str) -> Iterator[psycopg.Connection]:
    with postgres.connect() as opened:
        yield opened


def take(connection: psycopg.Connection, length: timedelta = LONG, **how: bool | int | str) -> Lease | None:
    parameters: dict[str, Any] = {"holder": lease.new_holder(), **how}
    return lease.take(connection.cursor(), "one", length=length, **parameters)


def taken(connection: psycopg.Connection, length: timedelta = LONG, **how: bool | int | str) -> Lease:
    found = take(connection, length, **how)
    assert found is not None
    return found


def ran_out(connection: psycopg.Connection) -> bool:
    state = lease.look(connection.cursor(), "one")
    return state is not None and not state.live


def write(connection: psycopg.Connection, held: Lease, effect: str, *, meanwhile: Callable[[], object]) -> None:
    with lease.effects(connection, held) as cursor:
        cursor.execute(EFFECT, [effect])
        meanwhile()


def effects() -> set[str]:
    return set(SourceStatistics.objects.values_list("source_id", flat=True))


def test_of_several_that_start_at_once_one_gets_the_lease(module_site: Deployment) -> None:
    together = Barrier(6)

    def start(_number: int) -> Lease | None:
        with postgres.connect() as mine:
            together.wait(10)
            return take(mine)

    with ThreadPoolExecutor(6) as threads:
        found = [one for one in threads.map(start, range(6)) if one is not None]

    assert [one.epoch for one in found] == [1]


def test_each_holder_has_an_epoch_of_its_own(connection: psycopg.Connection) -> None:
    first = taken(connection)
    lease.release(connection.cursor(), first)
    second = taken(connection)

    assert (first.epoch, second.epoch) == (1, 2)
    # One that was lost is not given back by its former holder.
    lease.release(connection.cursor(), first)
    assert take(connection) is None


def test_a_holder_whose_lease_ran_out_writes_nothing(module_site: Deployment, connection: psycopg.Connection) -> None:
    held = taken(connection, SHORT)
    module_site.wait_for(lambda: ran_out(connection), 5)

    with pytest.raises(LeaseLost), lease.effects(connection, held) as cursor:
        cursor.execute(EFFECT, ["late"])
    assert not lease.renew(connection.cursor(), held)

    assert effects() == set()


def test_a_holder_whose_lease_runs_out_within_a_transaction_writes_nothing(
    module_site: Deployment, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    held = taken(connection, SHORT)

    with pytest.raises(LeaseLost):
        write(connection, held, "late", meanwhile=lambda: module_site.wait_for(lambda: ran_out(other), 5))

    assert effects() == set()


def test_a_holder_whose_lease_was_taken_writes_nothing(connection: psycopg.Connection) -> None:
    former = taken(connection)
    with lease.effects(connection, former) as cursor:
        cursor.execute(EFFECT, ["in time"])
    present = taken(connection, force=True)

    with pytest.raises(LeaseLost), lease.effects(connection, former) as cursor:
        cursor.execute(EFFECT, ["late"])
    with lease.effects(connection, present) as cursor:
        cursor.execute(EFFECT, ["of the present one"])

    assert effects() == {"in time", "of the present one"}
    assert lease.check(connection.cursor(), present) <= LONG


@pytest.mark.parametrize("force", [True, False])
def test_nobody_takes_a_lease_during_a_transaction_of_its_holder(
    module_site: Deployment, connection: psycopg.Connection, other: psycopg.Connection, force: bool
) -> None:
    held = taken(connection, SHORT)

    def try_to_take() -> None:
        module_site.wait_for(lambda: ran_out(other), 5)
        with other.transaction():
            postgres.limit(other.cursor(), lock_timeout="100ms")
            take(other, force=force)

    with pytest.raises(LockNotAvailable):
        write(connection, held, "late", meanwhile=try_to_take)

    assert taken(other).epoch == held.epoch + 1


def test_a_lease_is_renewed_during_a_transaction_of_its_holder(
    module_site: Deployment, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    held = taken(connection, timedelta(seconds=1))
    seen = lease.look(other.cursor(), "one")

    with renewed(held), lease.effects(connection, held) as cursor:
        cursor.execute(EFFECT, ["in time"])
        module_site.wait_for(lambda: lease.look(other.cursor(), "one") != seen, 5)

    assert effects() == {"in time"}


def test_a_lease_that_is_no_longer_renewed_goes_to_another(
    module_site: Deployment, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    held = taken(connection, SHORT)
    renewal = Renewal(held)
    seen = lease.look(other.cursor(), "one")
    module_site.wait_for(lambda: lease.look(other.cursor(), "one") != seen, 5)

    renewal.stop()

    again = module_site.wait_for(lambda: take(other), 5)
    assert again is not None
    assert again.epoch == 2


def test_a_lease_that_ran_out_is_taken_again_unless_another_had_it(
    module_site: Deployment, connection: psycopg.Connection
) -> None:
    held = taken(connection, SHORT)
    mine: dict[str, Any] = {"holder": held.holder, "after": held.epoch}
    assert take(connection, **mine) is None
    module_site.wait_for(lambda: ran_out(connection), 5)

    assert take(connection, after=held.epoch) is None
    again = taken(connection, SHORT, **mine)
    module_site.wait_for(lambda: ran_out(connection), 5)

    assert take(connection, **mine) is None
    assert again.epoch == 2


def test_an_epoch_that_comes_again_after_a_failover_is_of_its_new_holder_alone(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    held = taken(connection)
    LeaseRow.objects.all().delete()  # as on a standby that had not got it

    successor = taken(other)

    assert successor.epoch == held.epoch
    assert lease.renew(other.cursor(), successor)
    assert not lease.renew(connection.cursor(), held)
    with pytest.raises(LeaseLost), lease.effects(connection, held) as cursor:
        cursor.execute(EFFECT, ["late"])
    lease.release(connection.cursor(), held)
    assert lease.renew(other.cursor(), successor)


def test_no_transaction_in_a_row_has_the_session_of_the_one_before_through_pgbouncer(
    connection: psycopg.Connection, way: str
) -> None:
    with ExitStack() as stack:
        # PgBouncer opens a connection to PostgreSQL only if none is free.
        for _ in range(3):
            busy = stack.enter_context(postgres.connect())
            stack.enter_context(busy.transaction())
            busy.execute("SELECT 1")
    backends = {connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(6)}

    assert len(backends) == 1 if way == DIRECTLY else len(backends) >= 3
