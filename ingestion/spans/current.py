"""Spans of OpenTelemetry, if the site asks for them; else `tracer` stays None and nothing of OpenTelemetry is loaded."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ingestion.spans.sampling import InvalidTracing

if TYPE_CHECKING:
    from ingestion.spans.tracer import Tracer

# Packages of requirements-otel.txt.
NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp")

tracer: Tracer | None = None

__all__ = ["InvalidTracing", "are_installed", "start", "tracer"]


def are_installed() -> bool:
    """Return whether the packages that spans need are there."""
    try:
        return all(find_spec(name) for name in NEEDED)
    except ImportError:
        return False


def start(*, process: str, version: str, per_second: int) -> None:
    """Begin to make spans in this process, and to send them in the background.

    :param process: which of the product's processes this is
    :param per_second: traces that begin in it at most; 0: any number
    :raises InvalidTracing: a variable of OpenTelemetry has a value that is not understood
    """
    global tracer  # noqa: PLW0603 - one for each process
    # Only a process that makes spans pays for loading what makes them.
    from ingestion.spans.exporting import outbox  # noqa: PLC0415
    from ingestion.spans.tracer import Tracer  # noqa: PLC0415

    tracer = Tracer(outbox(process=process, version=version), per_second=per_second)
