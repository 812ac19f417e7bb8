"""Asks Kafka, PostgreSQL and MongoDB how many bytes they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import psycopg
import pymongo
from kafka.admin import KafkaAdminClient
from psycopg import sql

# A partition counts for its table.
_TABLES = """
    SELECT coalesce(pg_partition_root(oid), oid)::regclass::text, sum(pg_total_relation_size(oid))::bigint
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY 1
"""
# The beginning of a table's name -> what the sizing calls it.
_GROUPS = {"events": "events", "rollup": "rollups", "ledger": "ledger"}
OTHERS = "other tables"
TABLES = (*_GROUPS.values(), OTHERS)


def of_topics(address: str, topics: Sequence[str]) -> list[int]:
    """Return the bytes of each topic's records, without indexes and copies."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        brokers = admin.describe_log_dirs(list(topics))
    finally:
        admin.close()
    found: Counter[str] = Counter()
    for broker in brokers:
        for folder in broker["log_dirs"]:
            for topic in folder["topics"]:
                found[topic["name"]] += sum(partition["partition_size"] for partition in topic["partitions"])
    return [found[topic] for topic in topics]


def of_tables(connection: psycopg.Connection) -> dict[str, int]:
    """Return the bytes of each group of tables with their indexes."""
    found = dict.fromkeys(TABLES, 0)
    for table, size in connection.execute(_TABLES):
        found[group(table)] += size
    return found


def rows(connection: psycopg.Connection) -> dict[str, int]:
    """Return the rows of each group of tables."""
    found = dict.fromkeys(TABLES, 0)
    for table, _ in connection.execute(_TABLES).fetchall():
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        found[group(table)] += counted[0] if counted else 0
    return found


def group(table: str) -> str:
    """Return what the sizing calls a table."""
    return next((name for beginning, name in _GROUPS.items() if table.startswith(beginning)), OTHERS)


def of_documents(uri: str, database: str) -> int:
    """Return the bytes of the documents, compressed as MongoDB stores them, with their indexes."""
    with pymongo.MongoClient[dict[str, object]](uri) as client:
        # Files grow at a checkpoint.
        client.admin.command("fsync")
        found = client[database].command("collStats", "events")
    return int(found["storageSize"] + found["totalIndexSize"])
