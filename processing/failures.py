"""The four fates of a failure, and which errors of PostgreSQL belong to which (MongoDB's: processing.documents).

invalid      never gets better: the event becomes a dead letter, the rest is stored       -> Refused
unavailable  gets better by itself: nothing is committed, wait and repeat                  -> StoreUnavailable
operator     someone must act: as unavailable, and said loudly                             -> NeedsOperator
bug          anything else: logged with its traceback, the batch waits and is repeated
"""

from __future__ import annotations

import psycopg

# https://www.postgresql.org/docs/18/errcodes-appendix.html
_INVALID_CLASSES = ("22",)  # data exception
_INVALID_STATES = ("54000",)  # program limit exceeded: a value too large for an index or a row
_UNAVAILABLE_CLASSES = (
    "08",  # connection exception
    "40",  # transaction rollback: serialization failure, deadlock
    "53",  # insufficient resources: disk full, too many connections
    "55",  # object not in prerequisite state: lock not available
    "57",  # operator intervention: shutdown, crash, query cancelled
    "58",  # system error: I/O
)
_UNAVAILABLE_STATES = ("25006", "25P01", "25P02", "25P03", "25P04")  # read-only, timeouts of a transaction


class StoreUnavailable(Exception):
    """A store does not answer or can't work now; nothing is committed, repeat the batch later."""


class NeedsOperator(Exception):
    """A store refuses for a reason that someone must mend; nothing is committed, repeat the batch later."""


class Refused(Exception):
    """A store refuses the content of an event; find the offender and set it aside."""


def from_postgres(error: psycopg.Error) -> Exception:
    """Give the failure, of one of our kinds, that an error of PostgreSQL means."""
    state = error.sqlstate
    text = f"PostgreSQL: {type(error).__name__} {state or ''}".rstrip()
    if state is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailable(text)
    if state is None:
        return NeedsOperator(text)
    if state.startswith(_INVALID_CLASSES) or state in _INVALID_STATES:
        return Refused(text)
    if state.startswith(_UNAVAILABLE_CLASSES) or state in _UNAVAILABLE_STATES:
        return StoreUnavailable(text)
    return NeedsOperator(text)
