"""The text of docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.local.processes import ROOT
from deploy.metrics.definitions import SECTIONS, Definition, Section

PAGE = ROOT / "docs" / "metrics.md"
_HEAD = """# Metrics

Every process answers `/metrics` to internal addresses or with a key ([probes](proxies.md#probes-and-metrics)): in
OpenMetrics' format to scrapers that ask for it, as Prometheus does, with exemplars; else in the classic text format.
[Monitoring](monitoring.md) has the scrape configuration, the alerts and the dashboards.

| process | address |
|---|---|
| web | 8080 (`API_SERVICE_PORT`) |
| ingest | 8081 (`INGESTION_SERVICE_PORT`) |
| consumer | 8082 (`PROCESSOR_SERVICE_PORT`) |
| jobs | 8083 (`DATAFLOW_JOBS_PORT`) |
| grpc | 8084 (`DATAFLOW_GRPC_METRICS_PORT`) |

Names, labels and units are stable: one that changes is a line in the [changelog](../CHANGELOG.md) and keeps its old name for a
release. No metric has a source or a key as a label, since their number has no bound. `python -m deploy.metrics` writes this page
from the definitions, and a test compares it with what running processes expose.
"""
_TAIL = """
## From libraries

`prometheus_client` adds `process_…` and `python_…` on every process. On web,
[django-prometheus](https://github.com/django-commons/django-prometheus) adds `django_http_…` (requests by view, method and
status, with latencies), `django_db_…` (queries and connections, with latencies) and `django_cache_…` (hits and misses of the
cache in Redis).
"""


def text() -> str:
    """Return the whole page."""
    return _HEAD + "".join(map(_section, SECTIONS)) + _TAIL


def _section(section: Section) -> str:
    head = f"\n## {section.title}\n\n{section.about}\n\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(map(_row, section.definitions))


def _row(one: Definition) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
    return _cells([f"`{one.name}`", one.kind, one.unit, labels, one.meaning])


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |\n"
