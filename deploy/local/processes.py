"""Defines how each process of the product is started and checked."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from ingestion.receivers.grpc import health_probe

ROOT = Path(__file__).resolve().parent.parent.parent


def is_healthy(port: int) -> bool:
    """Return whether the process on that port answers `/healthz` with 200."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_serving(port: int) -> bool:
    """Return whether the gRPC health service on that port reports SERVING."""
    return health_probe.serves(f"{ports.HOST}:{port}")


def is_assumed_ready(_port: int) -> bool:
    """Return True: a process that opens no port counts as ready while it runs."""
    return True


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the product: its command and the setting with its port."""

    name: str
    port_setting: str  # '': it opens no port
    arguments: tuple[str, ...]
    is_ready: Callable[[int], bool] = is_healthy  # called with the port
    scheme: str = "http"

    def command(self, port: int) -> list[str]:
        """Return the command line for this port."""
        return [sys.executable, *(word.format(host=ports.HOST, port=port) for word in self.arguments)]

    def settings(self, port: int) -> dict[str, str]:
        """Return the environment variables of this process beside those that all processes share."""
        return {self.port_setting: str(port)} if self.port_setting else {}


INGEST = ProcessSpec(
    "ingest",
    "INGESTION_SERVICE_PORT",
    (
        *("-m", "uvicorn", "ingestion.asgi:application", "--host", "{host}", "--port", "{port}"),
        *("--loop", "uvloop", "--http", "ingestion.receivers.http.server_protocol:ServerProtocol"),
        *("--ws", "none", "--no-proxy-headers", "--no-access-log", "--log-level", "warning"),
    ),
)
GRPC = ProcessSpec(
    "grpc", "GRPC_SERVICE_PORT", (str(ROOT / "manage.py"), "serve_grpc"), is_ready=is_serving, scheme="grpc"
)
CONSUMER = ProcessSpec("consumer", "PROCESSOR_SERVICE_PORT", (str(ROOT / "manage.py"), "consume"))
JOBS = ProcessSpec("jobs", "", (str(ROOT / "manage.py"), "run_jobs"), is_ready=is_assumed_ready)
WEB = ProcessSpec(
    "web",
    "API_SERVICE_PORT",
    (
        *("-m", "uvicorn", "dataflow_site.asgi:application", "--host", "{host}", "--port", "{port}"),
        *("--loop", "uvloop", "--http", "dataflow_site.web.protocol:WebProtocol"),
        *("--ws", "websockets-sansio", "--ws-max-size", "65536", "--ws-per-message-deflate", "false"),
        # An export to a slow reader does not hold up a restart for longer.
        *("--timeout-graceful-shutdown", "15"),
        *("--no-proxy-headers", "--no-access-log", "--log-level", "warning"),
    ),
)
