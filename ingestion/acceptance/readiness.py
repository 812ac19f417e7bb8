"""Whether a receiver can take events."""

from __future__ import annotations

from ingestion.acceptance.backpressure import backpressure
from ingestion.kafka.group_commit import publisher


async def ask() -> dict[str, object]:
    """Report Kafka alone: receivers need nothing else, and one that the guard has closed is still ready to answer."""
    latency = await publisher().latency()
    if (refusal := publisher().refusal) is not None:
        return _report("unavailable", {"state": "refuses", "error": refusal, "latencyMs": None})
    if latency is None:
        return _report("unavailable", {"state": "down", "latencyMs": None})
    return _report("ready", {"state": "up", "latencyMs": round(latency * 1000, 2)})


def _report(status: str, kafka: dict[str, object]) -> dict[str, object]:
    return {"status": status, "dependencies": {"kafka": kafka}, "guard": backpressure().state._asdict()}
