"""Every metric of the product, as its definition says."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from dashboard import metrics as dashboard_metrics
from ingestion import metrics as ingestion_metrics
from ingestion.probes.quick_metrics import QuickCounter, QuickHistogram
from processing import metrics as processing_metrics
from queries.pipeline import metrics as queries_metrics

UNITS = ("seconds", "bytes")


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric."""

    name: str  # as it is scraped, a counter with `_total`
    kind: str  # counter, gauge or histogram
    unit: str  # seconds, bytes, or what is counted
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of its series."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{suffix}" for suffix in ("bucket", "count", "sum"))
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Section:
    """The metrics of one module."""

    title: str
    about: str  # what it is, and on which processes
    module: ModuleType
    processes: frozenset[str]

    @property
    def definitions(self) -> list[Definition]:
        """Return the metrics in the order of the module."""
        return [
            _define(each)
            for each in vars(self.module).values()
            if isinstance(each, MetricWrapperBase | QuickCounter | QuickHistogram) and not _is_child(each)
        ]


SECTIONS = (
    Section(
        "Receivers",
        "Defined in `ingestion/metrics.py`; on ingest and grpc, and on web for the events that it accepts. `code` is a"
        " [problem code](problems.md).",
        ingestion_metrics,
        frozenset({"ingest", "grpc", "web"}),
    ),
    Section(
        "Processing",
        "Defined in `processing/metrics.py`; on consumers and jobs, each of which fills its own.",
        processing_metrics,
        frozenset({"consumer", "jobs"}),
    ),
    Section("Reading", "Defined in `queries/pipeline/metrics.py`; on web.", queries_metrics, frozenset({"web"})),
    Section(
        "Dashboard",
        "Defined in `dashboard/metrics.py`; on web. `code` is a [close code](api.md#the-live-feed).",
        dashboard_metrics,
        frozenset({"web"}),
    ),
)


def every() -> list[Definition]:
    """Return the metrics of all sections."""
    return [definition for section in SECTIONS for definition in section.definitions]


def _is_child(metric: object) -> bool:
    """Return whether it is one metric with its labels filled in."""
    return bool(getattr(metric, "_labelvalues", ()))


def _define(metric: MetricWrapperBase | QuickCounter | QuickHistogram) -> Definition:
    [described] = metric.describe()
    name = f"{described.name}_total" if described.type == "counter" else described.name
    return Definition(name, described.type, _unit(described), _labels(metric), described.documentation)


def _labels(metric: MetricWrapperBase | QuickCounter | QuickHistogram) -> tuple[str, ...]:
    return tuple(metric._labelnames) if isinstance(metric, MetricWrapperBase) else metric.label_names  # noqa: SLF001


def _unit(metric: Metric) -> str:
    unit = next((unit for unit in UNITS if metric.name.endswith(f"_{unit}")), "")
    if metric.documentation.startswith("1 while"):
        return "0 or 1"
    return unit or "count"
