"""Checks the servers that were given to `make run` before anything is started: one sentence for each that can't be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.conf import settings
from redis import Redis as Client
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from deploy.local import ports
from processing.errors import NeedsOperator, StoreUnavailable, postgres_errors
from processing.kafka.administration.admin_client import prepare_topics
from processing.stores import postgres
from processing.stores.mongodb.document_store import DocumentStore

WAIT = 2.0  # seconds for a connection
_REDIS_USER = (
    "the user, the password or the database is refused: check REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB, or REDIS_URL"
)
Given = tuple[str, str]  # name, address


def problems(given: Iterable[Given]) -> list[str]:
    """Return a sentence for each server that can't be used: what is wrong, and the settings to check."""
    with ThreadPoolExecutor() as pool:
        return [problem for problem in pool.map(_problem, given) if problem]


def _problem(server: Given) -> str | None:
    name, address = server
    check, names = _CHECKS[name]
    try:
        check()
    except NeedsOperator as refusal:
        # It begins with the name, and ends with what to check.
        return f"{refusal} (given as {address})."
    except StoreUnavailable:
        return f"{name} does not answer at {address}: start it, or correct {names}."
    return None


def _kafka() -> None:
    # The client tries for ten seconds.
    if not any(_connects(address) for address in settings.KAFKA_BOOTSTRAP_SERVERS):
        raise StoreUnavailable
    prepare_topics(dry_run=True)


def _connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return ports.answers(host.strip("[]"), int(port), WAIT)


def _postgresql() -> None:
    with postgres_errors():
        postgres.connect().close()


def _mongodb() -> None:
    documents = DocumentStore()
    try:
        documents.prepare(dry_run=True)
    finally:
        documents.close()


def _redis() -> None:
    client = Client(**settings.REDIS_CONNECTION, socket_connect_timeout=WAIT, socket_timeout=WAIT)
    try:
        client.ping()
    except (AuthenticationError, ResponseError) as error:
        raise NeedsOperator(f"Redis: {type(error).__name__}: {_REDIS_USER}") from error
    except RedisError as error:
        raise StoreUnavailable from error
    finally:
        with suppress(RedisError):
            client.close()


_CHECKS: dict[str, tuple[Callable[[], object], str]] = {
    "Kafka": (_kafka, "KAFKA_BOOTSTRAP_SERVERS"),
    "PostgreSQL": (_postgresql, "POSTGRES_HOST and POSTGRES_PORT"),
    "MongoDB": (_mongodb, "MONGO_URI"),
    "Redis": (_redis, "REDIS_ADDR or REDIS_URL"),
}
