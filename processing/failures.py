"""The four fates of a failure, and which errors of PostgreSQL, MongoDB and Kafka have which.

invalid      never gets better: the event becomes a dead letter, the rest is stored        -> Refused
unavailable  gets better by itself: nothing is committed, wait and repeat                   -> StoreUnavailable
operator     someone must act: as unavailable, and an incident                              -> NeedsOperator
bug          any other exception: tried again, then what it is due to becomes a dead letter -> processing.isolation

Invalid and unavailable are lists of what is known; whatever stands in none of them needs an operator, so that a
missing migration or a withdrawn permission can't empty a topic into the dead letters.
"""

from __future__ import annotations

import psycopg
from bson.errors import BSONError
from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)


class StoreUnavailable(Exception):
    """A store does not answer or can't work now; nothing is committed, repeat the batch later."""


class LostRace(StoreUnavailable):
    """Another transaction came first; nothing is committed, repeat the batch at once."""


class NeedsOperator(Exception):
    """A store refuses for a reason that someone must mend; nothing is committed, repeat the batch later."""

    def __init__(self, text: str, *, subject: str = "consumer") -> None:
        super().__init__(text)
        self.subject = subject  # of the incident


class TooLarge(NeedsOperator):
    """Kafka refuses a record for its size: whoever can do without it goes on without it."""


class Refused(Exception):
    """A store refuses the content of an event; find the offender and set it aside."""


POSTGRESQL, MONGODB, KAFKA = "PostgreSQL", "MongoDB", "Kafka"

# As what Django raises the errors of a PostgreSQL that is away or can't work now. InternalError holds the class 25: it was
# made read-only, as in a failover, or it ended a transaction in which somebody was frozen.
POSTGRESQL_AWAY = (OperationalError, InterfaceError, InternalError)

# A class, or one state of a class. https://www.postgresql.org/docs/18/errcodes-appendix.html
POSTGRESQL_FATES: dict[str, type[Exception]] = {
    "22": Refused,  # data_exception
    "54000": Refused,  # program_limit_exceeded: a value too large for an index or a row
    "08": StoreUnavailable,  # connection_exception
    "25006": StoreUnavailable,  # read_only_sql_transaction: a standby, or a disk that is kept from filling up
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
# Said of one document of an insert.
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
# Said of a whole command, for one document's sake; the others above would mean that the command is wrong.
MONGODB_INVALID_COMMAND: dict[int, str] = {15: "Overflow", 22: "InvalidBSON", 10334: "BSONObjectTooLarge"}
# Without a code, or with one that says less than the class. Not primary, time-outs of network, selection and pool are
# connection failures.
_MONGODB_UNAVAILABLE_ERRORS = (ConnectionFailure, ExecutionTimeout, WriteConcernError)
# What encoding raises before anything is sent.
_MONGODB_INVALID_ERRORS = (BSONError, DocumentTooLarge, OverflowError, RecursionError, UnicodeError)

# kafka-python's names: of the client's limit, of the topic's for a batch, and of the broker's for a segment.
KAFKA_TOO_LARGE = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError"})
# kafka-python's names: what the protocol calls retriable, and what a client gets over by joining or connecting anew.
# Not so a corrupt record and a topic that is missing: if they last, nobody but an operator can mend them.
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
        "UnknownLeaderEpochError",
        "UnknownMemberIdError",
        "UnknownTopicIdError",
        "UnstableOffsetCommitError",
    }
)


def postgresql_in_words(error: DatabaseError) -> str:
    """Say to an operator what one of POSTGRESQL_AWAY means."""
    if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
        return "PostgreSQL is read-only."
    return "PostgreSQL does not answer."


def from_postgres(error: psycopg.Error) -> Exception:
    """Give the failure, of one of our kinds, that an error of PostgreSQL means."""
    state = error.sqlstate
    text = f"{POSTGRESQL}: {type(error).__name__} {state or ''}".rstrip()
    if state is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailable(text)
    fate = POSTGRESQL_FATES.get(state or "") or POSTGRESQL_FATES.get((state or "")[:2])
    return NeedsOperator(text, subject=POSTGRESQL) if fate is None else fate(text)


def from_mongo(error: BaseException) -> Exception | None:
    """Give the failure that an exception of MongoDB's client means; None: it is not about MongoDB."""
    name = type(error).__name__
    if isinstance(error, _MONGODB_INVALID_ERRORS):
        return Refused(f"{MONGODB}: {name}")
    if isinstance(error, _MONGODB_UNAVAILABLE_ERRORS):
        return StoreUnavailable(f"{MONGODB}: {name}")
    if isinstance(error, OperationFailure) and error.code is not None:
        return from_mongo_code(error.code, name)
    if isinstance(error, PyMongoError):
        return NeedsOperator(f"{MONGODB}: {name}: {error}", subject=MONGODB)
    return None


def from_mongo_code(code: int, text: str) -> Exception:
    """Give the failure that the code of a whole command means, or of one document if that is not MONGODB_INVALID."""
    if code in MONGODB_UNAVAILABLE:
        return StoreUnavailable(f"{MONGODB}: {text}, {MONGODB_UNAVAILABLE[code]}")
    if code in MONGODB_INVALID_COMMAND:
        return Refused(f"{MONGODB}: {text}, {MONGODB_INVALID_COMMAND[code]}")
    return NeedsOperator(f"{MONGODB}: {text}, code {code}", subject=MONGODB)


def from_kafka(error: BaseException | None, text: str = "") -> Exception:
    """Give the failure that an exception of Kafka's client means; None: it did not answer.

    :param text: what could not be done
    """
    name = type(error).__name__
    reason = f"{text or KAFKA}: {name}" if error else text
    # OSError: a connection, or a time-out, below the client.
    if error is None or isinstance(error, OSError) or name in KAFKA_UNAVAILABLE:
        return StoreUnavailable(reason)
    kind = TooLarge if name in KAFKA_TOO_LARGE else NeedsOperator
    return kind(reason, subject=KAFKA)
