"""Runs the product on a cluster of this machine: `make cluster`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from dataflow_site.environment import local_passwords
from deploy.cluster import servers
from deploy.cluster.nginx import Nginx
from deploy.cluster.servers import ClusterServers, Ports
from deploy.local import lock, ports, run
from deploy.local.plan import Plan
from deploy.local.processes import CONSUMER, INGEST, JOBS, WEB, ProcessSpec

# Of its own, so that `make run` may run beside it.
PORTS = Ports(
    brokers=((29_092, 29_192), (29_093, 29_193), (29_094, 29_194)),
    postgres=(25_432, 25_433),
    mongo=(27_117, 27_118, 27_119),
    redis=26_379,
)
ENTRY = 28_080  # nginx
PROCESSES = {INGEST: 2, CONSUMER: 4, JOBS: 1, WEB: 1}
FIRST_PORT = 28_081  # of a process of the product; the others follow
SETTINGS_FILE = "settings.env"
_PREFIXES = ("KAFKA_", "POSTGRES_", "MONGO_", "REDIS_")


def main() -> int:
    """Run the cluster until a signal arrives, and return the exit code."""
    # Tests have a folder of their own.
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else lock.VAR / "cluster"
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        del os.environ[name]
    # The servers of `.env` are others.
    os.environ["DATAFLOW_ENV_FILE"] = os.devnull
    return run.run_until_signal(folder, lambda: make_plan(folder))


def make_plan(folder: Path) -> Plan:
    """Set the environment for the cluster's servers, and return what to start.

    :raises CannotStart: a port is taken
    """
    local_passwords.choose(folder)
    passwords = (os.environ["POSTGRES_PASSWORD"], os.environ["REDIS_PASSWORD"])
    made = servers.make(PORTS, folder, passwords=passwords)
    environment = {**made.environment(), "DATAFLOW_TRUSTED_PROXIES": ports.HOST}
    os.environ |= environment
    _write_settings(folder / SETTINGS_FILE, {**environment, "POSTGRES_PASSWORD": passwords[0], "REDIS_PASSWORD": passwords[1]})  # fmt: skip
    processes = product()
    nginx = Nginx(
        port=ENTRY,
        folder=folder / "nginx",
        receivers=[port for spec, port in processes if spec.port_setting == INGEST.port_setting],
        pages=next(port for spec, port in processes if spec.port_setting == WEB.port_setting),
    )
    _check_ports(made, nginx, processes)
    return Plan(ours=[*made, nginx], given=[], processes=processes, entry=ENTRY)


def product() -> list[tuple[ProcessSpec, int]]:
    """Return the processes, each with a name and a port of its own."""
    named = [
        replace(spec, name=f"{spec.name}-{one}" if number > 1 else spec.name)
        for spec, number in PROCESSES.items()
        for one in range(1, number + 1)
    ]
    return [(spec, FIRST_PORT + place) for place, spec in enumerate(named)]


def _check_ports(made: ClusterServers, nginx: Nginx, processes: list[tuple[ProcessSpec, int]]) -> None:
    wanted = {member.port: member.name for server in (*made, nginx) for member in server.members}
    wanted |= {quorum: "Kafka" for _, quorum in PORTS.brokers} | {port: spec.name for spec, port in processes}
    taken = [
        f"Port {port}, for {name} of the cluster, is already taken: stop what listens there."
        for port, name in sorted(wanted.items())
        if ports.is_taken(port)
    ]
    if taken:
        raise run.CannotStart("\n".join(taken))


def _write_settings(path: Path, environment: dict[str, str]) -> None:
    """Write what `manage.py` needs to use the cluster from another shell."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("".join(f"{name}='{value}'\n" for name, value in environment.items()))


if __name__ == "__main__":
    sys.exit(main())
