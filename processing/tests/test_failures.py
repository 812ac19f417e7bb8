"""Which fate each error of PostgreSQL has."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from processing.failures import NeedsOperator, Refused, StoreUnavailable, from_postgres

FATES = {
    Refused: [
        errors.UntranslatableCharacter,  # 22P05, a NUL in jsonb
        errors.InvalidTextRepresentation,
        errors.NumericValueOutOfRange,
        errors.DatetimeFieldOverflow,
        errors.ProgramLimitExceeded,  # 54000
    ],
    StoreUnavailable: [
        errors.ConnectionFailure,
        errors.SerializationFailure,
        errors.DeadlockDetected,
        errors.DiskFull,
        errors.TooManyConnections,
        errors.LockNotAvailable,
        errors.AdminShutdown,
        errors.CannotConnectNow,
        errors.QueryCanceled,
        errors.IoError,
        errors.ReadOnlySqlTransaction,
        errors.IdleInTransactionSessionTimeout,
    ],
    NeedsOperator: [
        errors.UndefinedTable,
        errors.UndefinedColumn,
        errors.InsufficientPrivilege,
        errors.InvalidPassword,
        errors.InvalidCatalogName,
        errors.NotNullViolation,
        errors.CheckViolation,
        errors.SyntaxError,
        errors.TooManyColumns,  # 54011: of our own making
        errors.InternalError_,
    ],
}
CASES = [(error, fate) for fate, group in FATES.items() for error in group]


@pytest.mark.parametrize(("error", "fate"), CASES, ids=[error.__name__ for error, _ in CASES])
def test_an_error_of_postgresql_has_one_fate(error: type[psycopg.Error], fate: type[Exception]) -> None:
    found = from_postgres(error("some value of a sender"))

    assert type(found) is fate
    assert "some value" not in str(found)


@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.InterfaceError])
def test_a_lost_connection_gets_better(error: type[psycopg.Error]) -> None:
    assert isinstance(from_postgres(error("server closed the connection unexpectedly")), StoreUnavailable)


def test_an_error_without_a_code_is_never_taken_for_bad_content() -> None:
    assert isinstance(from_postgres(psycopg.DataError("no code")), NeedsOperator)
