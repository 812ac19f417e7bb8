"""Calculates sizes from a load and from what was measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from deploy.sizing.measured import Cpu, Measured, Shape

DAY = 86_400  # seconds
# A part is planned to use so much of its processors on average: the rest is for peaks, for what a member that is away leaves to
# the others, and for catching up after an outage at twice the rate.
USED = 0.5
DISK_USED = 0.7  # of a volume; incidents open at 0.85
COPIES = 3  # of each partition in Kafka, and members of MongoDB's set
POSTGRES_SERVERS = 2  # a primary and a synchronous standby
SMALLEST = 2  # receivers and consumers, so that one may be away
PARTITIONS_FOR_EACH = 2  # consumer, so that their number may double before partitions have to grow
STEP = 6  # partitions
BROKERS, BROKER_CORES = 3, 4
# What was written in so many seconds should stay in memory: consumers and followers read it from Kafka, and rollups change it
# in PostgreSQL. What readers look at often comes on top.
CACHED = 600
LEAST_MEMORY = 2.0  # GB of a server
GB = 1e9


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in, and for how long it is kept."""

    events: float  # a second, on average over the busiest hour
    every: float = 10.0  # seconds between two events of a source; one of those that were measured
    single: bool = False  # one event a request instead of arrays of 100
    kept: int = 30  # days in PostgreSQL and MongoDB
    retained: int = 7  # days in Kafka


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the load takes. Memory and disks are of one member each."""

    partitions: int
    receivers: int
    consumers: int
    brokers: int
    broker_disk: float  # GB
    broker_memory: float  # GB
    postgres_cores: int
    postgres_disk: float
    postgres_memory: float
    mongo_cores: int
    mongo_disk: float
    mongo_memory: float
    product_memory: float  # GB of all receivers and consumers together


def calculate(load: Load, measured: Measured) -> Sizes:
    """Return what a load takes."""
    cpu = measured.single if load.single else measured.arrays
    found = measured.shapes[load.every]
    # Rollup rows that few events share cost the consumer more, and PostgreSQL is taken to follow it.
    rarity = found.consumer / measured.arrays.consumer
    receivers = max(SMALLEST, _cores(load, cpu.ingest))
    consumers = max(SMALLEST, _cores(load, cpu.consumer * rarity))
    # Each follower is taken to cost what the leader does.
    brokers = max(BROKERS, ceil(_cores(load, cpu.kafka * COPIES) / BROKER_CORES))
    in_kafka = (found.raw + found.processed) * COPIES / brokers
    return Sizes(
        partitions=ceil(max(STEP, PARTITIONS_FOR_EACH * consumers) / STEP) * STEP,
        receivers=receivers,
        consumers=consumers,
        brokers=brokers,
        broker_disk=_disk(load, in_kafka, load.retained),
        broker_memory=_memory(load, in_kafka),
        postgres_cores=max(SMALLEST, _cores(load, cpu.postgresql * rarity)),
        postgres_disk=_disk(load, _in_postgres(found, measured), load.kept),
        postgres_memory=_memory(load, found.rows + found.rollups),
        mongo_cores=max(SMALLEST, _cores(load, cpu.mongodb)),
        mongo_disk=_disk(load, found.documents, load.kept),
        mongo_memory=_memory(load, found.documents),
        product_memory=(receivers * measured.ingest_mb + consumers * measured.consumer_mb) / USED / 1000,
    )


def cost(cpu: Cpu) -> float:
    """Return the microseconds that an event takes in all parts together, without copies."""
    return cpu.ingest + cpu.consumer + cpu.kafka + cpu.postgresql + cpu.mongodb


def _in_postgres(found: Shape, measured: Measured) -> float:
    return found.rows + found.rollups * measured.packed


def _cores(load: Load, microseconds: float) -> int:
    return ceil(load.events * microseconds / 1e6 / USED)


def _disk(load: Load, bytes_of_event: float, days: int) -> float:
    return load.events * bytes_of_event * days * DAY / DISK_USED / GB


def _memory(load: Load, bytes_of_event: float) -> float:
    return max(LEAST_MEMORY, load.events * bytes_of_event * CACHED / GB)
