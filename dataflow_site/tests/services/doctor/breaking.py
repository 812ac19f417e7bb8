"""Breaks what each check looks at, on real servers, and mends it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis as redis_package
from django.conf import settings
from django.test import override_settings
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from pymongo import MongoClient
from pymongo.database import Database

from dataflow_site.doctor import kafka, mongodb, postgresql, redis
from deploy.local import ports
from deploy.testing.certificates import Authority
from deploy.testing.deployment import Deployment
from deploy.testing.tls_proxy import TlsProxy
from ingestion.kafka.connection_options import connection_options
from processing.stores import month_partitions, postgres

BROKERS_TIME = {"message.timestamp.type": "LogAppendTime"}
Break = Callable[[Deployment, Path], AbstractContextManager[None]]


def sql(wrong: str, right: str) -> Break:
    """Break with one statement, and mend with another; `{name}` is the database."""

    @contextmanager
    def broken(site: Deployment, _folder: Path) -> Iterator[None]:
        with site.servers.postgres.connect(site.name) as connection:
            connection.execute(wrong.format(name=site.name).encode())
            try:
                yield
            finally:
                # A database that takes no changes takes this one: https://www.postgresql.org/docs/current/hot-standby.html
                connection.execute("SET default_transaction_read_only = off")
                connection.execute(right.format(name=site.name).encode())

    return broken


def setting(**values: object) -> Break:
    """Break by a setting."""

    @contextmanager
    def broken(_site: Deployment, _folder: Path) -> Iterator[None]:
        with override_settings(**values):
            yield

    return broken


def newer_product(module: ModuleType, name: str) -> Break:
    """Let the product need a version that no server has yet."""

    @contextmanager
    def broken(_site: Deployment, _folder: Path) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, replace(getattr(module, name), least=(99,)))
            yield

    return broken


@contextmanager
def misspelt_setting(_site: Deployment, _folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAFLOW_KAFKA_PARTITION", "6")
        yield


@contextmanager
def readable_file(_site: Deployment, folder: Path) -> Iterator[None]:
    (folder / "settings").touch(mode=0o644)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAFLOW_ENV_FILE", str(folder / "settings"))
        yield


@contextmanager
def distant_server(_site: Deployment, _folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.DATABASES["default"], "HOST", "db.example.org")
        yield


@contextmanager
def weak_user(site: Deployment, _folder: Path) -> Iterator[None]:
    with site.servers.postgres.connect(site.name) as connection, pytest.MonkeyPatch.context() as patch:
        connection.execute("CREATE ROLE weak LOGIN PASSWORD 'weak'")
        patch.setitem(settings.DATABASES["default"], "USER", "weak")
        patch.setitem(settings.DATABASES["default"], "PASSWORD", "weak")
        try:
            yield
        finally:
            connection.execute("DROP ROLE weak")


@contextmanager
def detached_month(_site: Deployment, _folder: Path) -> Iterator[None]:
    """Is mended by the statement that the check names."""
    with postgres.connect() as connection:
        month_partitions.ensure(connection, [datetime(2026, 12, 1, tzinfo=UTC)])
        connection.execute("ALTER TABLE events DETACH PARTITION events_2026_12")
        yield


@contextmanager
def short_retention(site: Deployment, _folder: Path) -> Iterator[None]:
    alter(site.raw_topic, {"retention.ms": "3600000"})
    try:
        yield
    finally:
        alter(site.raw_topic, {"retention.ms": "604800000"})


def brokers_time(*topics: str) -> None:
    """Set what `prepare_stores` would have set, had the test not made the topics before."""
    for topic in topics:
        alter(topic, BROKERS_TIME)


def alter(topic: str, configs: dict[str, str]) -> None:
    client = KafkaAdminClient(**connection_options())
    try:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    finally:
        client.close()


def documents(
    act: Callable[[Database[dict[str, Any]]], object], undo: Callable[[Database[dict[str, Any]]], object]
) -> Break:
    """Break something in the database of documents."""

    @contextmanager
    def broken(site: Deployment, _folder: Path) -> Iterator[None]:
        with MongoClient[dict[str, Any]](site.servers.mongo.uri) as client:
            act(client[site.name])
            try:
                yield
            finally:
                undo(client[site.name])

    return broken


def memory(**limits: str) -> Break:
    """Limit the memory of Redis; `_` stands for `-`."""

    @contextmanager
    def broken(_site: Deployment, _folder: Path) -> Iterator[None]:
        host, _, port = settings.REDIS_ADDR.rpartition(":")
        with redis_package.Redis(host=host, port=int(port)) as client:
            names = [name.replace("_", "-") for name in limits]
            before = {name: client.config_get(name)[name] for name in names}
            for name, value in zip(names, limits.values(), strict=True):
                client.config_set(name, value)
            try:
                yield
            finally:
                for name, value in before.items():
                    client.config_set(name, value)

    return broken


@contextmanager
def certificate_of_a_day(site: Deployment, folder: Path) -> Iterator[None]:
    authority = Authority(folder)
    port = int(settings.REDIS_ADDR.rpartition(":")[2])
    tls = {"host": ports.HOST, "ssl": True, "ssl_ca_certs": str(authority.file)}
    with (
        TlsProxy(target=port, certificate=authority.issue("redis")) as proxy,
        override_settings(REDIS_CONNECTION={**settings.REDIS_CONNECTION, **tls, "port": proxy.port}),
    ):
        yield


LATEST = "0017_payload_changed"
# By check: how it is broken, and what is said then.
BREAKS: dict[str, tuple[Break, str]] = {
    "settings.valid": (misspelt_setting, "DATAFLOW_KAFKA_PARTITION is no setting"),
    "settings.file": (readable_file, "Other users can read"),
    "settings.debug": (distant_server, "DATAFLOW_DEBUG is 1"),
    "kafka.version": (newer_product(kafka, "KAFKA"), "the oldest version that works is 99"),
    "kafka.brokers": (setting(DATAFLOW_KAFKA_REPLICATION=3), "1 brokers answer, and records have 3 copies"),
    "kafka.topics": (setting(KAFKA_TOPIC_PROCESSED_DATA="nowhere"), "The topic nowhere is missing"),
    "kafka.copies": (setting(DATAFLOW_KAFKA_REPLICATION=2), "has 1 copies, and DATAFLOW_KAFKA_REPLICATION is 2"),
    "kafka.promises": (short_retention, "retention.ms is 3600000"),
    "kafka.sizes": (setting(DATAFLOW_MAX_EVENT_BYTES=5_000_000), "takes records of"),
    "kafka.consumers": (setting(DATAFLOW_CONSUMER_GROUP="nobody"), "No consumer runs"),
    "postgresql.version": (newer_product(postgresql, "POSTGRESQL"), "the oldest version that works is 99"),
    "postgresql.writable": (
        sql(
            "ALTER DATABASE {name} SET default_transaction_read_only = on",
            "ALTER DATABASE {name} RESET default_transaction_read_only",
        ),
        "It is read-only",
    ),
    "postgresql.migrations": (
        sql(
            f"DELETE FROM django_migrations WHERE name = '{LATEST}'",
            f"INSERT INTO django_migrations (app, name, applied) VALUES ('processing', '{LATEST}', now())",
        ),
        f"1 migrations are not applied, such as processing.{LATEST}",
    ),
    "postgresql.rights": (weak_user, "The user may not read and change"),
    "postgresql.durability": (
        sql("ALTER DATABASE {name} SET synchronous_commit = off", "ALTER DATABASE {name} RESET synchronous_commit"),
        "synchronous_commit is off",
    ),
    "postgresql.indexes": (
        sql(
            "DROP INDEX ledger_by_minute",
            "CREATE INDEX IF NOT EXISTS ledger_by_minute ON ledger_minute (minute, source_id)",
        ),
        "The index ledger_by_minute of ledger_minute is missing",
    ),
    "postgresql.months": (detached_month, "The table events_2026_12 is not a part of events"),
    "postgresql.connections": (setting(DATAFLOW_EXPORTS=500), "One web process may take 5"),
    "mongodb.version": (newer_product(mongodb, "MONGODB"), "the oldest version that works is 99"),
    "mongodb.members": (setting(DEBUG=False), "A single server holds the documents"),
    "mongodb.rights": (setting(DEBUG=False), "It takes every client, without a user"),
    "mongodb.collection": (
        documents(lambda found: found["events"].drop(), lambda found: found.create_collection("events")),
        "The collection events is missing",
    ),
    "mongodb.indexes": (
        documents(lambda found: found["events"].create_index("source"), lambda found: found["events"].drop_indexes()),
        "The index source_1 slows every write",
    ),
    "mongodb.restore": (
        documents(
            lambda found: found["restores"].insert_one({"_id": "running", "backup": "of monday"}),
            lambda found: found["restores"].drop(),
        ),
        "A restore of the backup of monday has begun",
    ),
    "redis.version": (newer_product(redis, "REDIS"), "the oldest version that works is 99"),
    "redis.writes": (memory(maxmemory_policy="noeviction", maxmemory="1000"), "It refuses a write or a message"),
    "redis.memory": (
        memory(maxmemory_policy="noeviction", maxmemory="1000000000"),
        "It refuses writes when its memory is full",
    ),
    "certificates.servers": (certificate_of_a_day, "ends in 0 days"),
    "pipeline.incidents": (
        sql(
            "INSERT INTO incident (kind, subject, detail, since, last_seen, count)"
            " VALUES ('disk', 'a volume', 'full', now(), now(), 1)",
            "DELETE FROM incident",
        ),
        "Incident disk, a volume: full.",
    ),
    "pipeline.jobs": (
        sql(
            "INSERT INTO job (kind, arguments, state, who, done, place, message, cancel_requested, worker, created_at)"
            " VALUES ('pack', '{{}}', 'queued', '', 0, '{{}}', '', false, '', now() - interval '1 hour')",
            "DELETE FROM job",
        ),
        "1 jobs have waited for more than a minute",
    ),
    "pipeline.documents": (
        sql(
            'INSERT INTO events (id, source_id, ts, received, stored, payload, topic_id, partition, "offset", line, content_hash)'
            " VALUES (gen_random_uuid(), 's', '2009-01-01Z', now(), now(), '{{}}', 1, 0, 0, 0, 0)",
            "DELETE FROM events",
        ),
        "PostgreSQL has events, and MongoDB has no document",
    ),
    "pipeline.volumes": (setting(DATAFLOW_WARN_DISK_PERCENT=0.001), "are used"),
}
