"""Measures the servers alone on this machine, to compare figures of different machines by their ratios."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import psycopg
import pymongo
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from deploy.bench.figures import Figure
from deploy.bench.load.events import make_events
from deploy.testing.servers import Servers

EVENTS = 200_000
PER_RECORD = 50  # events; what group commit reaches under load
PER_INSERT = 5_000  # documents and rows
BATCH_BYTES = 768 * 1024  # of one request to a partition
TOPIC = "baseline"
_TABLE = "CREATE TEMPORARY TABLE baseline (source_id text, ts timestamptz, id bigint, payload jsonb, PRIMARY KEY (source_id, ts, id))"


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Write the same events straight into each server, by one client, one after the other."""
    events = list(make_events(EVENTS, prefix=name))
    rates = {
        "Kafka": _kafka(servers, events),
        "PostgreSQL": _postgres(servers, events),
        "MongoDB": _mongo(servers, events),
    }
    hows = {
        "Kafka": f"kafka-python, acks=all, {PER_RECORD} events a record",
        "PostgreSQL": "COPY into a table with the key of events",
        "MongoDB": f"insert_many of {PER_INSERT:,}, w=majority, journal",
    }
    for server, rate in rates.items():
        yield Figure(f"bare {server}", {"events/s": rate}, hows[server])


def _kafka(servers: Servers, events: list[bytes]) -> float:
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka.address)
    admin.create_topics([NewTopic(name=TOPIC, num_partitions=6, replication_factor=1)])
    values = [b"\n".join(events[begin : begin + PER_RECORD]) for begin in range(0, len(events), PER_RECORD)]
    producer = KafkaProducer(
        bootstrap_servers=servers.kafka.address,
        acks="all",
        enable_idempotence=False,
        linger_ms=5,
        batch_size=BATCH_BYTES,
    )
    producer.partitions_for(TOPIC)
    begin = time.perf_counter()
    for number, value in enumerate(values):
        producer.send(TOPIC, value=value, partition=number % 6)
    producer.flush()
    seconds = time.perf_counter() - begin
    producer.close()
    admin.delete_topics([TOPIC])
    admin.close()
    return len(events) / seconds


def _postgres(servers: Servers, events: list[bytes]) -> float:
    rows = [_row(number, event) for number, event in enumerate(events)]
    with servers.postgres.connect("postgres") as connection:
        connection.execute(_TABLE)
        begin = time.perf_counter()
        for first in range(0, len(rows), PER_INSERT):
            _copy(connection, rows[first : first + PER_INSERT])
        return len(events) / (time.perf_counter() - begin)


def _copy(connection: psycopg.Connection, rows: list[str]) -> None:
    with connection.cursor().copy("COPY baseline FROM STDIN") as copy:
        copy.write("".join(rows))


def _row(number: int, event: bytes) -> str:
    content = json.loads(event)
    return f"{content['sourceId']}\t{content['timestamp']}\t{number}\t{json.dumps(content['payload'])}\n"


def _mongo(servers: Servers, events: list[bytes]) -> float:
    documents = [{"_id": number, **json.loads(event)} for number, event in enumerate(events)]
    with pymongo.MongoClient[dict[str, object]](servers.mongo.uri, w="majority", journal=True) as client:
        collection = client["baseline"]["events"]
        begin = time.perf_counter()
        for first in range(0, len(documents), PER_INSERT):
            collection.insert_many(documents[first : first + PER_INSERT], ordered=False)
        seconds = time.perf_counter() - begin
        client.drop_database("baseline")
    return len(events) / seconds
