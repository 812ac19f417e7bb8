"""Health and metrics of the consumer process, over HTTP."""

from __future__ import annotations

from django.conf import settings

from ingestion.probes import process_probe
from processing.consumer.probes.liveness import State
from processing.monitoring import store_states


def serve(state: State, *, port: int) -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :raises OSError: the port is taken
    """
    process_probe.serve(lambda: readiness(state), host=settings.DATAFLOW_CONSUMER_HOST, port=port)


def readiness(state: State) -> dict[str, object]:
    """Report what the consumer cannot work without: Kafka, PostgreSQL and MongoDB."""
    checks: dict[str, store_states.Dependency] = {
        "kafka": {"state": "up" if state.kafka else "down"},
        **store_states.ask(),
    }
    waits_for = state.waits_for()
    ready = waits_for is None and all(check["state"] == "up" for check in checks.values())
    return {
        "status": "ready" if ready else "waiting",
        "waitingFor": waits_for,
        "partitions": state.partitions,
        "held": state.held,
        "dependencies": checks,
    }
