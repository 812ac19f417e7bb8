"""Plans what to start on this machine, according to the settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from deploy.local import ports
from deploy.local.processes import CONSUMER, GRPC, INGEST, JOBS, WEB, ProcessSpec
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.mongo import MongoDB
from deploy.local.servers.postgres import PostgreSQL
from deploy.local.servers.redis import Redis
from deploy.local.servers.server import Server

PROCESSES = (INGEST, GRPC, CONSUMER, JOBS, WEB)


@dataclass(frozen=True, slots=True)
class Plan:
    """The servers to start, the servers that run already, and the product's processes with their ports."""

    ours: Sequence[Server]
    given: Sequence[tuple[str, str]]  # name, address
    processes: Sequence[tuple[ProcessSpec, int]]  # its port
    entry: int  # the port of the pages


def make_plan(folder: Path) -> Plan:
    """Return what to start: a server whose variable is set in the environment is used, not started."""
    redis_given = "REDIS_URL" if os.environ.get("REDIS_URL") else "REDIS_ADDR"
    servers = [
        (Kafka(port=_port(settings.KAFKA_BOOTSTRAP_SERVERS[0]), folder=folder / "kafka"), "KAFKA_BOOTSTRAP_SERVERS"),
        (_postgres(folder / "postgres"), "POSTGRES_HOST"),
        (MongoDB(port=_port(settings.MONGO_URI), folder=folder / "mongo"), "MONGO_URI"),
        (
            Redis(port=_port(settings.REDIS_ADDR), folder=folder / "redis", password=settings.REDIS_PASSWORD),
            redis_given,
        ),
    ]
    return Plan(
        ours=[server for server, variable in servers if not os.environ.get(variable)],
        given=[(server.name, _given_address(variable)) for server, variable in servers if os.environ.get(variable)],
        processes=[(spec, int(getattr(settings, spec.port_setting))) for spec in PROCESSES],
        entry=settings.API_SERVICE_PORT,
    )


def taken_ports(plan: Plan) -> list[str]:
    """Return a sentence for each port that another process listens on: what is wrong and what to do."""
    servers = [
        f"Port {server.port}, for {server.name}, is already taken: stop what listens there, "
        f"set {server.variable} to use that server, or move all ports: DATAFLOW_LOCAL_PORTS=+100."
        for server in plan.ours
        if ports.is_taken(server.port)
    ]
    product = [
        f"Port {port}, for {spec.name}, is already taken: stop what listens there, or set {name} to a free port."
        for spec, _ in plan.processes
        for name in spec.port_settings
        if ports.is_taken(port := int(getattr(settings, name)))
    ]
    return servers + product


def _postgres(folder: Path) -> PostgreSQL:
    return PostgreSQL(
        port=_port(str(settings.POSTGRES_PORT)),
        folder=folder,
        user=settings.POSTGRES_USER,
        password=settings.POSTGRES_PASSWORD,
        database=settings.POSTGRES_DB,
    )


def _given_address(variable: str) -> str:
    if variable == "POSTGRES_HOST":
        return f"{settings.POSTGRES_HOST}:{settings.POSTGRES_PORT}"
    # Without the user and password that a URI may hold.
    return os.environ[variable].rpartition("@")[2]


def _port(address: str) -> int:
    """Return the port of a default address; an address from the environment may have another form and needs none."""
    digits = address.rpartition(":")[2]
    return int(digits) if digits.isdigit() else 0
