"""The kind of failure that each error of PostgreSQL, MongoDB and Kafka becomes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager

import kafka.errors
import psycopg
import pytest
from bson.errors import BSONError, InvalidDocument
from kafka.errors import KafkaError
from psycopg import errors
from pymongo import errors as mongo

from ingestion.kafka.producer import PublishFailed
from processing.errors import (
    KAFKA_TOO_LARGE,
    KAFKA_UNAVAILABLE,
    MONGODB_INVALID,
    MONGODB_INVALID_COMMAND,
    MONGODB_UNAVAILABLE,
    POSTGRESQL_FATES,
    ContentRejected,
    LostRace,
    NeedsOperator,
    StoreUnavailable,
    TooLarge,
    from_kafka,
    from_mongo,
    from_mongo_code,
    from_postgres,
    kafka_errors,
    mongo_errors,
    postgres_errors,
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
    ContentRejected: [
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
    assert {state for state, fate in found.items() if fate is ContentRejected} == {*of_class("22"), "54000"}
    assert {state for state, fate in found.items() if fate is LostRace} == of_class("40")
    assert {state for state, fate in found.items() if fate is StoreUnavailable} == {
        *of_class("08", "53", "55", "57", "58"),
        *of_class("25P0"),
        "25006",
    }
    assert set(found.values()) == {ContentRejected, LostRace, StoreUnavailable, NeedsOperator}


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
        (mongo.DocumentTooLarge("17 MB"), ContentRejected),
        (InvalidDocument("some value of a sender"), ContentRejected),
        (OverflowError("past int64"), ContentRejected),
        (RecursionError("300 levels"), ContentRejected),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "half a pair"), ContentRejected),
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
    assert {code for code, fate in found.items() if fate is ContentRejected} == MONGODB_INVALID_COMMAND.keys()
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


Errors = Callable[[], AbstractContextManager[None]]


def failure_of(errors_of_store: Errors, error: BaseException) -> BaseException:
    """Return what a context manager raises in the place of a client's error."""
    with pytest.raises(BaseException) as caught, errors_of_store():  # noqa: PT011 - its type is what is tested
        raise error
    return caught.value


@pytest.mark.parametrize("state", POSTGRESQL_FATES)
def test_each_sqlstate_named_is_raised_as_its_kind_of_failure(state: str) -> None:
    of_psycopg = [POSTGRESQL[found] for found in of_class(state)]

    failures = [failure_of(postgres_errors, error("some value of a sender")) for error in of_psycopg]

    assert failures
    assert {type(failure) for failure in failures} == {POSTGRESQL_FATES[state], *more_precise(state)}
    assert [type(failure.__cause__) for failure in failures] == of_psycopg


def more_precise(state: str) -> set[type[Exception]]:
    """Return the kinds that single states of a class have instead of the kind of their class."""
    return {kind for other, kind in POSTGRESQL_FATES.items() if other != state and other.startswith(state)}


@pytest.mark.parametrize(("error", "kind"), CASES, ids=[error.__name__ for error, _ in CASES])
def test_an_error_of_psycopg_is_raised_as_its_kind_of_failure(
    error: type[psycopg.Error], kind: type[Exception]
) -> None:
    assert type(failure_of(postgres_errors, error("some value of a sender"))) is kind


def test_an_error_of_psycopg_that_the_caller_wants_passes_unchanged() -> None:
    error = errors.UniqueViolation("exists")

    assert failure_of(lambda: postgres_errors(passing=errors.UniqueViolation), error) is error
    assert type(failure_of(postgres_errors, error)) is NeedsOperator


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((mongo.OperationFailure(f"code {code}", code), StoreUnavailable) for code in MONGODB_UNAVAILABLE),
        *((mongo.OperationFailure(f"code {code}", code), ContentRejected) for code in MONGODB_INVALID_COMMAND),
        *(
            (mongo.OperationFailure(f"code {code}", code), NeedsOperator)
            for code in MONGODB_INVALID.keys() - MONGODB_INVALID_COMMAND.keys()
        ),
        (mongo.ConnectionFailure("lost"), StoreUnavailable),
        (mongo.ExecutionTimeout("slow", 50), StoreUnavailable),
        (mongo.WriteConcernError("no majority", 100), StoreUnavailable),
        (mongo.DocumentTooLarge("17 MB"), ContentRejected),
        (BSONError("some value of a sender"), ContentRejected),
        (OverflowError("past int64"), ContentRejected),
        (RecursionError("300 levels"), ContentRejected),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "half a pair"), ContentRejected),
        (mongo.ConfigurationError("no such option"), NeedsOperator),
        (mongo.OperationFailure("wrong password", 18), NeedsOperator),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{type(value).__name__} {value}",
)
def test_an_error_of_pymongo_is_raised_as_its_kind_of_failure(error: Exception, kind: type[Exception]) -> None:
    failure = failure_of(mongo_errors, error)

    assert type(failure) is kind
    assert failure.__cause__ is error


@pytest.mark.parametrize("name", sorted(KAFKA))
def test_an_error_of_kafka_python_is_raised_as_its_kind_of_failure(name: str) -> None:
    error = Exception.__new__(KAFKA[name])
    large = TooLarge if name in KAFKA_TOO_LARGE else NeedsOperator

    failure = failure_of(kafka_errors, error)

    assert type(failure) is (StoreUnavailable if name in KAFKA_UNAVAILABLE else large)
    assert str(failure) == f"Kafka: {type(error).__name__}"
    assert failure.__cause__ is error


def test_a_partition_without_a_leader_is_waited_for() -> None:
    assert type(failure_of(kafka_errors, kafka.errors.UnknownBrokerIdError(-1))) is StoreUnavailable


def test_a_failed_publication_is_classified_by_its_cause() -> None:
    assert type(failure_of(kafka_errors, failed(kafka.errors.TopicAuthorizationFailedError()))) is NeedsOperator
    assert type(failure_of(kafka_errors, failed(kafka.errors.MessageSizeTooLargeError()))) is TooLarge
    assert type(failure_of(kafka_errors, failed(kafka.errors.KafkaTimeoutError()))) is StoreUnavailable
    assert type(failure_of(kafka_errors, failed(None))) is StoreUnavailable


def failed(cause: Exception | None) -> PublishFailed:
    error = PublishFailed("not taken")
    error.__cause__ = cause
    return error


def test_a_broken_connection_below_kafkas_client_is_retried() -> None:
    assert type(failure_of(kafka_errors, ConnectionResetError("reset"))) is StoreUnavailable


def test_a_failure_of_kafka_says_what_could_not_be_done() -> None:
    error = kafka.errors.InvalidReplicationFactorError("more than there are brokers")

    assert str(failure_of(lambda: kafka_errors("no topic made"), error)) == (
        "no topic made: InvalidReplicationFactorError"
    )
    assert "more than there are brokers" in str(failure_of(lambda: kafka_errors(detailed=True), error))


@pytest.mark.parametrize("errors_of_store", [postgres_errors, mongo_errors, kafka_errors])
def test_an_exception_that_is_not_the_stores_passes_unchanged(errors_of_store: Errors) -> None:
    error = KeyError("key")

    assert failure_of(errors_of_store, error) is error
