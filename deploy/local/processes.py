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


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the product: its command and the settings with its ports."""

    name: str
    port_setting: str
    arguments: tuple[str, ...]
    is_ready: Callable[[int], bool] = is_healthy  # called with the port
    scheme: str = "http"
    own_metrics_setting: str = ""  # where health and metrics have a port of their own

    @property
    def metrics_setting(self) -> str:
        """Return the setting with the port that answers /healthz, /readyz and /metrics."""
        return self.own_metrics_setting or self.port_setting

    @property
    def port_settings(self) -> tuple[str, ...]:
        """Return the settings with its ports, each once."""
        return tuple(dict.fromkeys((self.port_setting, self.metrics_setting)))

    def command(self, port: int) -> list[str]:
        """Return the command line for this port."""
        return [sys.executable, *(word.format(host=ports.HOST, port=port) for word in self.arguments)]

    def server_command(self, port: int, *, python: str = "python", host: str = "0.0.0.0") -> list[str]:  # noqa: S104
        """Return the command line for a container or unit, whose working directory is that of `manage.py`.

        Containers listen on every address: who reaches them is up to their network.
        """
        words = (word.format(host=host, port=port).removeprefix(f"{ROOT}/") for word in self.arguments)
        return [python, *words]

    def settings(self, port: int, *, metrics_port: int | None = None) -> dict[str, str]:
        """Return the environment variables of this process beside those that all processes share.

        :param metrics_port: of health and metrics, if they have one of their own and it is not that of the settings
        """
        own = {self.own_metrics_setting: str(metrics_port)} if self.own_metrics_setting and metrics_port else {}
        return {self.port_setting: str(port), **own}


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
    "grpc",
    "GRPC_SERVICE_PORT",
    (str(ROOT / "manage.py"), "serve_grpc"),
    is_ready=is_serving,
    scheme="grpc",
    own_metrics_setting="DATAFLOW_GRPC_METRICS_PORT",
)
CONSUMER = ProcessSpec("consumer", "PROCESSOR_SERVICE_PORT", (str(ROOT / "manage.py"), "consume"))
JOBS = ProcessSpec("jobs", "DATAFLOW_JOBS_PORT", (str(ROOT / "manage.py"), "run_jobs"))
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
