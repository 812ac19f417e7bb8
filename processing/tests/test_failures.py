"""Which fate each error of PostgreSQL, MongoDB and Kafka has."""

from __future__ import annotations

import inspect

import kafka.errors
import psycopg
import pytest
from bson.errors import InvalidDocument
from kafka.errors import KafkaError
from psycopg import errors
from pymongo import errors as mongo

from processing.failures import (
    KAFKA_TOO_LARGE,
    KAFKA_UNAVAILABLE,
    MONGODB_INVALID,
    MONGODB_INVALID_COMMAND,
    MONGODB_UNAVAILABLE,
    LostRace,
    NeedsOperator,
    Refused,
    StoreUnavailable,
    TooLarge,
    from_kafka,
    from_mongo,
    from_mongo_code,
    from_postgres,
)

POSTGRESQL: dict[str, type[psycopg.Error]] = {
    error.sqlstate: error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, psycopg.Error) and error.sqlstate
}
KAFKA: dict[str, type[KafkaError]] = {
    name: error
    for name, error in inspect.getmembers(kafka.errors, inspect.isclass)
    if issubclass(error, KafkaError) and error is not KafkaError
}
# Names of the errors that must have these fates, whatever the tables say.
NAMED: dict[type[Exception], list[type[psycopg.Error]]] = {
    Refused: [
        errors.UntranslatableCharacter,  # 22P05, a NUL in jsonb
        errors.InvalidTextRepresentation,
        errors.NumericValueOutOfRange,
        errors.DatetimeFieldOverflow,
        errors.ProgramLimitExceeded,
    ],
    LostRace: [errors.SerializationFailure, errors.DeadlockDetected],
    StoreUnavailable: [
        errors.ConnectionFailure,
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
CASES = [(error, fate) for fate, group in NAMED.items() for error in group]


@pytest.mark.parametrize(("error", "fate"), CASES, ids=[error.__name__ for error, _ in CASES])
def test_an_error_of_postgresql_has_one_fate(error: type[psycopg.Error], fate: type[Exception]) -> None:
    found = from_postgres(error("some value of a sender"))

    assert type(found) is fate
    assert "some value" not in str(found)


def test_every_state_that_psycopg_knows_has_the_fate_of_its_list_and_all_others_need_an_operator() -> None:
    found = {state: type(from_postgres(error())) for state, error in POSTGRESQL.items()}

    assert len(found) > 200
    assert {state for state, fate in found.items() if fate is Refused} == {*of_class("22"), "54000"}
    assert {state for state, fate in found.items() if fate is LostRace} == of_class("40")
    assert {state for state, fate in found.items() if fate is StoreUnavailable} == {
        *of_class("08", "53", "55", "57", "58"),
        *of_class("25P0"),
        "25006",
    }
    assert set(found.values()) == {Refused, LostRace, StoreUnavailable, NeedsOperator}


def of_class(*starts: str) -> set[str]:
    return {state for state in POSTGRESQL if state.startswith(starts)}


@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.InterfaceError])
def test_a_lost_connection_gets_better(error: type[psycopg.Error]) -> None:
    assert isinstance(from_postgres(error("server closed the connection unexpectedly")), StoreUnavailable)


def test_an_error_without_a_code_is_never_taken_for_bad_content() -> None:
    assert isinstance(from_postgres(psycopg.DataError("no code")), NeedsOperator)


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (mongo.AutoReconnect("lost"), StoreUnavailable),
        (mongo.NotPrimaryError("stepped down"), StoreUnavailable),
        (mongo.NetworkTimeout("slow"), StoreUnavailable),
        (mongo.ServerSelectionTimeoutError("away"), StoreUnavailable),
        (mongo.WaitQueueTimeoutError("busy"), StoreUnavailable),
        (mongo.ExecutionTimeout("slow", 50), StoreUnavailable),
        (mongo.WriteConcernError("no majority", 100), StoreUnavailable),
        (mongo.WTimeoutError("no majority", 64), StoreUnavailable),
        (mongo.OperationFailure("stepped down", 189), StoreUnavailable),
        (mongo.OperationFailure("wrong password", 18), NeedsOperator),
        (mongo.OperationFailure("not allowed", 13), NeedsOperator),
        (mongo.OperationFailure("no code"), NeedsOperator),
        (mongo.ConfigurationError("no such option"), NeedsOperator),
        (mongo.InvalidURI("no such scheme"), NeedsOperator),
        (mongo.DocumentTooLarge("17 MB"), Refused),
        (InvalidDocument("some value of a sender"), Refused),
        (OverflowError("past int64"), Refused),
        (RecursionError("300 levels"), Refused),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "half a pair"), Refused),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{type(value).__name__} {value}",
)
def test_an_exception_of_mongodbs_client_has_one_fate(error: Exception, fate: type[Exception]) -> None:
    assert type(from_mongo(error)) is fate


def test_an_exception_that_is_not_mongodbs_is_left_to_be_a_bug() -> None:
    assert from_mongo(KeyError("key")) is None


def test_a_code_of_mongodb_that_is_not_listed_needs_an_operator() -> None:
    found = {code: type(from_mongo_code(code, "command failed")) for code in range(1, 20_000)}

    assert {code for code, fate in found.items() if fate is StoreUnavailable} == MONGODB_UNAVAILABLE.keys()
    assert {code for code, fate in found.items() if fate is Refused} == MONGODB_INVALID_COMMAND.keys()
    assert MONGODB_INVALID_COMMAND.items() <= MONGODB_INVALID.items()
    assert not MONGODB_INVALID.keys() & MONGODB_UNAVAILABLE.keys()


def test_a_record_that_is_too_large_for_kafka_is_told_from_other_refusals() -> None:
    assert KAFKA_TOO_LARGE - KAFKA.keys() == set()
    assert all(type(from_kafka(KAFKA[name]())) is TooLarge for name in KAFKA_TOO_LARGE)
    assert issubclass(TooLarge, NeedsOperator)


def test_what_kafkas_client_calls_retriable_gets_better() -> None:
    retriable = {name for name, error in KAFKA.items() if getattr(error, "retriable", False)}

    assert retriable - KAFKA_UNAVAILABLE == {"UnknownTopicOrPartitionError"}
    assert KAFKA_UNAVAILABLE - KAFKA.keys() == set()


def test_an_error_of_kafka_that_is_not_listed_needs_an_operator() -> None:
    found = {name: type(from_kafka(Exception.__new__(error))) for name, error in KAFKA.items()}

    assert {name for name, fate in found.items() if fate is StoreUnavailable} == KAFKA_UNAVAILABLE
    for name in (
        "CorruptRecordError",
        "SaslAuthenticationFailedError",
        "TopicAuthorizationFailedError",
        "UnknownTopicOrPartitionError",
    ):
        assert found[name] is NeedsOperator


@pytest.mark.parametrize(
    ("cause", "fate"),
    [
        (None, StoreUnavailable),
        (ConnectionResetError("reset"), StoreUnavailable),
        (TimeoutError("too slow"), StoreUnavailable),
        (kafka.errors.KafkaTimeoutError("too slow"), StoreUnavailable),
        (ValueError("no such partition"), NeedsOperator),
        (RuntimeError("what nobody knows"), NeedsOperator),
    ],
)
def test_silence_and_broken_connections_of_kafka_get_better_and_unknown_causes_do_not(
    cause: BaseException | None, fate: type[Exception]
) -> None:
    failure = from_kafka(cause, "Kafka took no record")

    assert type(failure) is fate
    assert str(failure).startswith("Kafka took no record")
