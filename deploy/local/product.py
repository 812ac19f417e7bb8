"""How each process of the product is started."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from ingestion.grpc_door import probe

ROOT = Path(__file__).resolve().parent.parent.parent


def healthy(port: int) -> bool:
    """Tell whether the process on that port answers `/healthz` with 200."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def serving(port: int) -> bool:
    """Tell whether gRPC's health service on that port says SERVING."""
    return probe.serves(f"{ports.HOST}:{port}")


def unasked(_port: int) -> bool:
    """Take a process that listens nowhere as well for as long as it runs."""
    return True


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the product: what to run, and which setting holds its port."""

    name: str
    port_setting: str  # '': it listens nowhere
    arguments: tuple[str, ...]
    is_well: Callable[[int], bool] = healthy  # asked with the port
    scheme: str = "http"

    def command(self, port: int) -> list[str]:
        return [sys.executable, *(word.format(host=ports.HOST, port=port) for word in self.arguments)]

    def settings(self, port: int) -> dict[str, str]:
        """What is to stand in its environment, beside what all parts share."""
        return {self.port_setting: str(port)} if self.port_setting else {}


INGEST = Part(
    "ingest",
    "INGESTION_SERVICE_PORT",
    (
        *("-m", "uvicorn", "ingestion.asgi:application", "--host", "{host}", "--port", "{port}"),
        *("--loop", "uvloop", "--http", "ingestion.protocol:DoorProtocol"),
        *("--ws", "none", "--no-proxy-headers", "--no-access-log", "--log-level", "warning"),
    ),
)
GRPC = Part("grpc", "GRPC_SERVICE_PORT", (str(ROOT / "manage.py"), "serve_grpc"), is_well=serving, scheme="grpc")
CONSUMER = Part("consumer", "PROCESSOR_SERVICE_PORT", (str(ROOT / "manage.py"), "consume"))
JOBS = Part("jobs", "", (str(ROOT / "manage.py"), "run_jobs"), is_well=unasked)
WEB = Part(
    "web",
    "API_SERVICE_PORT",
    ("-m", "daphne", "-b", "{host}", "-p", "{port}", "-v", "0", "dataflow_site.asgi:application"),
)
