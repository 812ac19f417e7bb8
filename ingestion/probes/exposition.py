"""The metrics of this process, in the format that a scraper asks for."""

from __future__ import annotations

from prometheus_client import REGISTRY, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder

# What an answer's Content-Type begins with, by what was asked for.
CLASSIC = CONTENT_TYPE_PLAIN_0_0_4
OPEN_METRICS = "application/openmetrics-text"

# When each counter was made would be one more series for each of them; Prometheus does not need it to see a reset.
disable_created_metrics()  # type: ignore[no-untyped-call]


def expose(accept: bytes) -> tuple[str, bytes]:
    """Return the content type and the text: OpenMetrics, with exemplars, if the Accept header names it, else the classic format."""
    encode, content_type = choose_encoder(accept.decode("latin-1"))
    return content_type, encode(REGISTRY)
