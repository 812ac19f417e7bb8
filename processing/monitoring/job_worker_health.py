"""Health and metrics of a process that runs jobs, over HTTP."""

from __future__ import annotations

from django.conf import settings

from ingestion.probes import process_probe
from processing.monitoring import store_states


def serve() -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :raises OSError: the port is taken, or the address is not one of this machine
    """
    process_probe.serve(readiness, host=settings.DATAFLOW_JOBS_HOST, port=settings.DATAFLOW_JOBS_PORT)


def readiness() -> dict[str, object]:
    """Report PostgreSQL, which the queue of jobs is in. Without MongoDB some jobs wait, and others run."""
    states = store_states.ask()
    if states["postgresql"]["state"] != "up":
        status = "waiting"
    else:
        status = "ready" if states["mongodb"]["state"] == "up" else "degraded"
    return {"status": status, "dependencies": states}
