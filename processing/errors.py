"""Classify the errors of PostgreSQL, MongoDB and Kafka by what must follow.

invalid      never succeeds: the event becomes a dead letter, the rest is stored                   -> ContentRejected
unavailable  succeeds later without help: commit nothing, wait and retry                           -> StoreUnavailable
operator     only an operator can fix it: as unavailable, and an incident opens                    -> NeedsOperator
bug          any other exception: retried, then the lines that cause it become dead letters        -> processing.consumer.bisection

The tables name the invalid and the unavailable errors. Every other error of a store needs an operator, so that a
missing migration or a revoked permission cannot turn a whole topic into dead letters.

Every call of a store's client stands inside `postgres_errors()`, `mongo_errors()` or `kafka_errors()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from bson.errors import BSONError
from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError
from kafka.errors import KafkaError
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from ingestion.kafka.producer import PublishFailed
from ingestion.kafka.refusals import BrokerRefused
from ingestion.management import postgres_refusals
from processing import connection_refusals


class StoreUnavailable(Exception):
    """A store does not answer or cannot work now. Nothing is committed; retry the batch later."""


class LostRace(StoreUnavailable):
    """A concurrent transaction won. Nothing is committed; retry the batch at once."""


class NeedsOperator(Exception):
    """A store refuses for a reason that an operator must fix. Nothing is committed; retry the batch later."""

    def __init__(self, text: str, *, subject: str = "consumer") -> None:
        super().__init__(text)
        self.subject = subject  # of the incident


class TooLarge(NeedsOperator):
    """Kafka refuses a record because of its size. A caller that can leave the record out may continue without it."""


class ContentRejected(Exception):
    """A store refuses the content of an event. Find that event and store it as a dead letter."""


POSTGRESQL, MONGODB, KAFKA = "PostgreSQL", "MongoDB", "Kafka"

# Django's classes for a PostgreSQL that is down or cannot work now. InternalError covers SQLSTATE class 25: the server
# became read-only, as in a failover, or it ended a transaction whose client was frozen.
POSTGRESQL_AWAY = (OperationalError, InterfaceError, InternalError)

# By SQLSTATE class or single SQLSTATE. https://www.postgresql.org/docs/18/errcodes-appendix.html
POSTGRESQL_FATES: dict[str, type[Exception]] = {
    "22": ContentRejected,  # data_exception
    "54000": ContentRejected,  # program_limit_exceeded: a value too large for an index or a row
    "08": StoreUnavailable,  # connection_exception
    "25006": StoreUnavailable,  # read_only_sql_transaction: a standby, or a server made read-only before its disk is full
    "25P01": StoreUnavailable,  # no_active_sql_transaction
    "25P02": StoreUnavailable,  # in_failed_sql_transaction
    "25P03": StoreUnavailable,  # idle_in_transaction_session_timeout
    "25P04": StoreUnavailable,  # transaction_timeout
    "40": LostRace,  # transaction_rollback: serialization_failure, deadlock_detected
    "53": StoreUnavailable,  # insufficient_resources: disk_full, out_of_memory, too_many_connections
    "55": StoreUnavailable,  # object_not_in_prerequisite_state: lock_not_available
    "57": StoreUnavailable,  # operator_intervention: admin_shutdown, crash_shutdown, query_canceled
    "58": StoreUnavailable,  # system_error: io_error
}

# https://www.mongodb.com/docs/manual/reference/error-codes/
MONGODB_UNAVAILABLE: dict[int, str] = {
    6: "HostUnreachable",
    7: "HostNotFound",
    24: "LockTimeout",
    50: "MaxTimeMSExpired",
    64: "WriteConcernFailed",
    89: "NetworkTimeout",
    91: "ShutdownInProgress",
    112: "WriteConflict",
    133: "FailedToSatisfyReadPreference",
    134: "ReadConcernMajorityNotAvailableYet",
    189: "PrimarySteppedDown",
    262: "ExceededTimeLimit",
    9001: "SocketException",
    10107: "NotWritablePrimary",
    11600: "InterruptedAtShutdown",
    11601: "Interrupted",
    11602: "InterruptedDueToReplStateChange",
    13435: "NotPrimaryNoSecondaryOk",
    13436: "NotPrimaryOrSecondary",
    14031: "OutOfDiskSpace",
}
# Reported for one document of an insert.
MONGODB_INVALID: dict[int, str] = {
    2: "BadValue",
    14: "TypeMismatch",
    15: "Overflow",
    22: "InvalidBSON",
    52: "DollarPrefixedFieldName",
    55: "InvalidDBRef",
    56: "EmptyFieldName",
    57: "DottedFieldName",
    10334: "BSONObjectTooLarge",
}
# Reported for a whole command because of one document. The other codes above would mean that the command is wrong.
MONGODB_INVALID_COMMAND: dict[int, str] = {15: "Overflow", 22: "InvalidBSON", 10334: "BSONObjectTooLarge"}
# Classified by class: these carry no code, or a less precise one. ConnectionFailure includes "not primary" and the
# time-outs of network, server selection and pool.
_MONGODB_UNAVAILABLE_ERRORS = (ConnectionFailure, ExecutionTimeout, WriteConcernError)
# Raised by the encoder, before anything is sent.
_MONGODB_INVALID_ERRORS = (BSONError, DocumentTooLarge, OverflowError, RecursionError, UnicodeError)

# Names of kafka-python: the limits of the client and topic for a batch, and of the broker for a segment.
KAFKA_TOO_LARGE = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError"})
# Names of kafka-python: the errors that the protocol calls retriable, and those that end when the client rejoins or
# reconnects. A corrupt record and a missing topic are not listed: if they last, only an operator can fix them.
# https://kafka.apache.org/protocol#protocol_error_codes
KAFKA_UNAVAILABLE = frozenset(
    {
        "BrokerNotAvailableError",
        "Cancelled",
        "CommitFailedError",
        "ConcurrentTransactionsError",
        "CoordinatorLoadInProgressError",
        "CoordinatorNotAvailableError",
        "CorrelationIdError",
        "ElectionNotNeededError",
        "EligibleLeadersNotAvailableError",
        "FencedLeaderEpochError",
        "FencedMemberEpochError",
        "FetchSessionIdNotFoundError",
        "FetchSessionTopicIdError",
        "IllegalGenerationError",
        "InconsistentTopicIdError",
        "InvalidFetchSessionEpochError",
        "InvalidMetadataError",
        "InvalidReceiveError",
        "InvalidShareSessionEpochError",
        "KafkaConnectionError",
        "KafkaProtocolError",
        "KafkaStorageError",
        "KafkaTimeoutError",
        "LeaderNotAvailableError",
        "ListenerNotFoundError",
        "MemberIdRequiredError",
        "MetadataEmptyBrokerList",
        "NetworkExceptionError",
        "NewLeaderElectedError",
        "NodeNotReadyError",
        "NotControllerError",
        "NotCoordinatorError",
        "NotEnoughReplicasAfterAppendError",
        "NotEnoughReplicasError",
        "NotLeaderForPartitionError",
        "OffsetNotAvailableError",
        "PreferredLeaderNotAvailableError",
        "RebalanceInProgressError",
        "ReplicaNotAvailableError",
        "RequestTimedOutError",
        "RetriableError",
        "ShareSessionNotFoundError",
        "StaleMemberEpochError",
        "StaleMetadata",
        "ThrottlingQuotaExceededError",
        "TooManyInFlightRequests",
        "UnknownBrokerIdError",  # a partition without a leader, as after a restart of its broker
        "UnknownLeaderEpochError",
        "UnknownMemberIdError",
        "UnknownTopicIdError",
        "UnstableOffsetCommitError",
    }
)


def postgresql_in_words(error: DatabaseError) -> str:
    """Describe one of POSTGRESQL_AWAY to an operator."""
    if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
        return "PostgreSQL is read-only."
    return "PostgreSQL does not answer."


@contextmanager
def postgres_errors(*, passing: type[psycopg.Error] | tuple[()] = ()) -> Iterator[None]:
    """Raise psycopg's errors as failures of a known kind.

    :param passing: a class of errors that is raised unchanged
    :raises ContentRejected: PostgreSQL refuses the content of an event
    :raises StoreUnavailable: retry later; LostRace: retry at once
    :raises NeedsOperator: any other error
    """
    try:
        yield
    except passing:
        raise
    except psycopg.Error as error:
        raise from_postgres(error) from error


@contextmanager
def mongo_errors() -> Iterator[None]:
    """Raise the errors of pymongo and bson as failures of a known kind.

    :raises ContentRejected: MongoDB or its encoder refuses the content of a document
    :raises StoreUnavailable: retry later
    :raises NeedsOperator: any other error of pymongo
    """
    try:
        yield
    except (PyMongoError, *_MONGODB_INVALID_ERRORS) as error:
        failure = from_mongo(error)
        assert failure is not None
        raise failure from error


@contextmanager
def kafka_errors(text: str = "", *, detailed: bool = False) -> Iterator[None]:
    """Raise the errors of kafka-python and of `ingestion.kafka.producer` as failures of a known kind.

    :param text: what could not be done; the failure's message begins with it
    :param detailed: put the client's own message into the failure's, for a command that shows it
    :raises StoreUnavailable: retry later
    :raises NeedsOperator: any other error; TooLarge: a record exceeds a size limit
    """
    try:
        yield
    except PublishFailed as error:
        # Classified by the client's error behind it; without one Kafka did not answer.
        raise from_kafka(error.__cause__, str(error)) from error
    # OSError: a connection or a time-out below the client.
    except (KafkaError, OSError) as error:
        raise from_kafka(error, f"{text or KAFKA}: {error}" if detailed else text) from error


def from_postgres(error: psycopg.Error) -> Exception:
    """Return the failure that an error of psycopg means."""
    state = error.sqlstate
    text = f"{POSTGRESQL}: {type(error).__name__} {state or ''}".rstrip()
    if state is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        remedy = postgres_refusals.of_postgres(str(error))
        return NeedsOperator(f"{text}: {remedy}", subject=POSTGRESQL) if remedy else StoreUnavailable(text)
    fate = POSTGRESQL_FATES.get(state or "") or POSTGRESQL_FATES.get((state or "")[:2])
    return NeedsOperator(text, subject=POSTGRESQL) if fate is None else fate(text)


def from_mongo(error: BaseException) -> Exception | None:
    """Return the failure that an exception of pymongo or bson means; None if it is not about MongoDB."""
    name = type(error).__name__
    if isinstance(error, _MONGODB_INVALID_ERRORS):
        return ContentRejected(f"{MONGODB}: {name}")
    remedy = connection_refusals.of_mongo(error)
    if remedy:
        return NeedsOperator(f"{MONGODB}: {name}: {remedy}", subject=MONGODB)
    if isinstance(error, _MONGODB_UNAVAILABLE_ERRORS):
        return StoreUnavailable(f"{MONGODB}: {name}")
    if isinstance(error, OperationFailure) and error.code is not None:
        return from_mongo_code(error.code, name)
    if isinstance(error, PyMongoError):
        return NeedsOperator(f"{MONGODB}: {name}: {error}", subject=MONGODB)
    return None


def from_mongo_code(code: int, text: str) -> Exception:
    """Return the failure that an error code means, of a command or of a document that is not MONGODB_INVALID."""
    if code in MONGODB_UNAVAILABLE:
        return StoreUnavailable(f"{MONGODB}: {text}, {MONGODB_UNAVAILABLE[code]}")
    if code in MONGODB_INVALID_COMMAND:
        return ContentRejected(f"{MONGODB}: {text}, {MONGODB_INVALID_COMMAND[code]}")
    return NeedsOperator(f"{MONGODB}: {text}, code {code}", subject=MONGODB)


def from_kafka(error: BaseException | None, text: str = "") -> Exception:
    """Return the failure that an exception of kafka-python means; None means that Kafka did not answer.

    :param text: what could not be done
    """
    if isinstance(error, BrokerRefused):
        return NeedsOperator(f"{KAFKA}: {error}", subject=KAFKA)
    name = type(error).__name__
    reason = f"{text or KAFKA}: {name}" if error else text
    if error is None or isinstance(error, OSError) or name in KAFKA_UNAVAILABLE:
        return StoreUnavailable(reason)
    kind = TooLarge if name in KAFKA_TOO_LARGE else NeedsOperator
    return kind(reason, subject=KAFKA)
