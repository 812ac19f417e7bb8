"""Reads the versions of the servers, and refuses those that are too old before anything is done with them."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import RedisError

from ingestion.runtime.redis_client import connect_from_thread
from processing.errors import NeedsOperator, StoreUnavailable, kafka_errors, postgres_errors
from processing.kafka.administration import connecting
from processing.stores import postgres
from processing.stores.mongodb import server
from processing.supported_versions import KAFKA, MONGODB, POSTGRESQL, REDIS, Supported, parse, too_old

_REDIS_TIMEOUT = 1.0  # seconds; what starts does not wait for the answers
_KAFKA_TIMEOUT = 1_000  # milliseconds


class ServerTooOld(NeedsOperator):
    """A server is older than the product works with. Its text says what to upgrade; end with exit code 2."""


def of_kafka() -> tuple[int, ...]:
    """Return the oldest version among the brokers, as 4.3.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: it refuses
    """
    with kafka_errors(), connecting.connected("dataflow-version", timeout=_KAFKA_TIMEOUT) as client:
        return min(connecting.versions(client).values())


def of_postgresql() -> tuple[int, ...]:
    """Return the version of PostgreSQL, as 18.6.

    :raises StoreUnavailable: PostgreSQL does not answer
    :raises NeedsOperator: it refuses
    """
    with postgres_errors(), postgres.connect(application="dataflow-version", options="") as connection:
        return divmod(connection.info.server_version, 10_000)


def of_mongodb() -> tuple[int, ...]:
    """Return the version of MongoDB.

    :raises StoreUnavailable: MongoDB does not answer
    :raises NeedsOperator: it refuses
    """
    return parse(server.version())


def of_redis() -> tuple[int, ...]:
    """Return the version of Redis, or the one that Valkey says it is compatible with.

    :raises StoreUnavailable: Redis does not answer
    """
    try:
        with connect_from_thread(timeout=_REDIS_TIMEOUT) as client:
            return parse(str(client.info("server")["redis_version"]))
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}") from error


READERS: dict[Supported, Callable[[], tuple[int, ...]]] = {
    KAFKA: of_kafka,
    POSTGRESQL: of_postgresql,
    MONGODB: of_mongodb,
    REDIS: of_redis,
}


def refuse_old(*servers: Supported) -> None:
    """Check that servers are not too old; one that does not answer is left to whoever needs it.

    :raises ServerTooOld: one is
    """
    for supported in servers:
        try:
            sentence = too_old(supported, READERS[supported]())
        except (StoreUnavailable, NeedsOperator):
            continue
        if sentence:
            raise ServerTooOld(sentence, subject=supported.server)
