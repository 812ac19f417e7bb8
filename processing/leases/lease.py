"""Leases: a row names who may write something, until when, and in which epoch; only PostgreSQL's clock counts.

A session's advisory lock does not hold behind a pooler in transaction mode, where the next transaction runs in another
session. A lease does: each transaction with effects begins with `check`, which fails once the lease has run out or gone to
another. Until that transaction ends nobody can take the lease, not even by force.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import psycopg

from processing.cursors import Cursor
from processing.errors import NeedsOperator

_UNTIL = "clock_timestamp() + make_interval(secs => %(seconds)s)"
_CREATE = """
INSERT INTO lease (name, holder, epoch, until) SELECT %(name)s::varchar, '', 0, 'epoch'
WHERE NOT EXISTS (SELECT FROM lease WHERE name = %(name)s::varchar) ON CONFLICT DO NOTHING
"""
# `epoch` belongs to a unique index (processing.models.Lease), so changing it waits for the KEY SHARE locks of transactions
# with effects; renewing, which does not change it, does not wait. A row that was changed meanwhile is judged anew.
# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
_TAKE = f"""
UPDATE lease SET holder = %(holder)s, epoch = epoch + 1, until = {_UNTIL}
WHERE name = %(name)s AND (%(force)s OR until <= clock_timestamp())
    AND (%(after)s::bigint IS NULL OR (epoch = %(after)s AND holder = %(holder)s))
RETURNING epoch
"""  # noqa: S608 - constants only
# Epochs may come again: PostgreSQL may fail over to a server that does not know the last ones.
_OURS = "name = %(name)s AND epoch = %(epoch)s AND holder = %(holder)s"
# To be locked before anything that it protects.
_MINE = f"{_OURS} AND until > clock_timestamp()"
_RENEW = f"UPDATE lease SET until = {_UNTIL} WHERE {_MINE} RETURNING epoch"  # noqa: S608 - constants only
CHECK = f"SELECT until - clock_timestamp() FROM lease WHERE {_MINE} FOR KEY SHARE"  # noqa: S608 - constants only
_RELEASE = f"UPDATE lease SET until = clock_timestamp() WHERE {_OURS}"  # noqa: S608 - constants only
_LOOK = "SELECT epoch, until > clock_timestamp(), until::text FROM lease WHERE name = %s"


class LeaseLost(NeedsOperator):
    """The lease ran out or went to another. The catcher rolls back, writes nothing more, and starts over if at all."""


class State(NamedTuple):
    """A lease as another process sees it."""

    epoch: int
    live: bool  # has a holder, and has not run out
    until: str  # changes with each renewal


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken; whether it still holds, only `check` knows."""

    name: str
    holder: str
    epoch: int  # grows with each holder
    length: timedelta  # it runs out this long after it was taken or last renewed

    @property
    def parameters(self) -> dict[str, str | float]:
        """Return the values of the statements."""
        return {"name": self.name, "epoch": self.epoch, "holder": self.holder, "seconds": self.length.total_seconds()}


def new_holder() -> str:
    """Return a unique name for this process as a holder."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def take(
    cursor: Cursor, name: str, *, holder: str, length: timedelta, force: bool = False, after: int | None = None
) -> Lease | None:
    """Take a lease that nobody holds; return None if somebody does.

    Waits for a transaction with effects of the former holder, up to the session's lock_timeout.

    :param force: take it from a live holder too, which can write nothing from then on
    :param after: only if this is still its epoch, and ours: nobody had it since
    """
    parameters: dict[str, str | float | None] = {"name": name, "holder": holder, "seconds": length.total_seconds()}
    parameters |= {"force": force, "after": after}
    cursor.execute(_CREATE, {"name": name})
    cursor.execute(_TAKE, parameters)
    taken = cursor.fetchone()
    return Lease(name, holder, int(taken[0]), length) if taken else None


def renew(cursor: Cursor, lease: Lease) -> bool:
    """Extend a lease to its full length; return False if it is lost."""
    cursor.execute(_RENEW, lease.parameters)
    return cursor.fetchone() is not None


def check(cursor: Cursor, lease: Lease) -> timedelta:
    """Keep everybody from taking the lease until this transaction ends; return how long it lasts without renewal.

    For a transaction at READ COMMITTED. What is written outside of PostgreSQL should follow at once.

    :raises LeaseLost: it is not ours any more
    """
    cursor.execute(CHECK, lease.parameters)
    found = cursor.fetchone()
    if found is None:
        raise LeaseLost(f"the lease {lease.name!r} ran out or was taken over: start again")
    left: timedelta = found[0]
    return left


def release(cursor: Cursor, lease: Lease) -> None:
    """Give a lease back; one that is lost stays as it is."""
    cursor.execute(_RELEASE, lease.parameters)


def look(cursor: Cursor, name: str) -> State | None:
    """Return a lease as it is now; None if it was never taken."""
    cursor.execute(_LOOK, [name])
    found = cursor.fetchone()
    return State(*found) if found else None


@contextmanager
def effects(connection: psycopg.Connection, lease: Lease) -> Iterator[psycopg.Cursor]:
    """Open a transaction that commits only if the lease holds from its beginning to its end.

    :raises LeaseLost: it does not; nothing was written
    """
    with connection.transaction(), connection.cursor() as cursor:
        check(cursor, lease)
        yield cursor
        # A process that was frozen within the block is late now.
        check(cursor, lease)
