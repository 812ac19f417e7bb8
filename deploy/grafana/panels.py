"""What the dashboards are made of: panels over Prometheus and over the schema `read` of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

PROMETHEUS = DataSourceRef("prometheus", "dataflow-prometheus")
POSTGRESQL = DataSourceRef("grafana-postgresql-datasource", "dataflow-postgresql")
# Grafana's names: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
Unit = Literal["short", "cps", "reqps", "ops", "s", "bytes", "percentunit", "none", "dateTimeFromNow"]

Panel = timeseries.Panel | stat.Panel | table.Panel
WIDTH, HALF, THIRD, QUARTER = 24, 12, 8, 6
TALL, LOW = 8, 4


class SqlQuery(variants.Dataquery):
    """A statement for PostgreSQL."""

    def __init__(self, statement: str, *, form: Literal["table", "time_series"], name: str = "A") -> None:
        self._statement, self._form, self._name = statement, form, name

    def build(self) -> SqlQuery:
        """Return itself: it is its own builder."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return it as Grafana stores it."""
        return {
            "datasource": POSTGRESQL,
            "editorMode": "code",
            "format": self._form,
            "rawQuery": True,
            "rawSql": self._statement,
            "refId": self._name,
        }


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression with the name of its series."""

    expression: str
    legend: str = ""
    exemplars: bool = False


def dashboard(name: str, title: str, about: str) -> builders.Dashboard:
    """Begin a dashboard."""
    others = builders.DashboardLink("Data flow").type(DashboardLinkType.DASHBOARDS).tags(["dataflow"])
    return (
        builders.Dashboard(f"Data flow: {title}")
        .uid(f"dataflow-{name}")
        .description(about)
        .tags(["dataflow"])
        .time("now-1h", "now")
        .refresh("15s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(others.as_dropdown(True))  # noqa: FBT003
    )


def lines(
    title: str, about: str, unit: Unit, *queries: Query, stacked: bool = False, width: int = HALF
) -> timeseries.Panel:
    """Return a panel of lines over time."""
    panel = (
        timeseries.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS).span(width).height(TALL)
    )
    panel = panel.min(0).legend(_legend()).tooltip(_tooltip()).fill_opacity(30 if stacked else 5)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for place, query in enumerate(queries):
        panel = panel.with_target(_target(query, place))
    return panel


def number(
    title: str, about: str, unit: Unit, query: Query, *, bad: float | None = None, width: int = QUARTER
) -> stat.Panel:
    """Return a panel with one number.

    :param bad: from here on it is red
    """
    panel = stat.Panel().title(title).description(about).unit(unit).datasource(PROMETHEUS).span(width).height(LOW)
    steps = [Threshold(None, "green"), *([] if bad is None else [Threshold(bad, "red")])]
    panel = panel.thresholds(builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return panel.graph_mode(BigValueGraphMode.AREA).with_target(_target(query, 0))


def sql_lines(title: str, about: str, unit: Unit, statement: str, *, width: int = HALF) -> timeseries.Panel:
    """Return a panel of lines over time from PostgreSQL: columns `time`, `metric` and `value`."""
    panel = (
        timeseries.Panel().title(title).description(about).unit(unit).datasource(POSTGRESQL).span(width).height(TALL)
    )
    return panel.legend(_legend()).tooltip(_tooltip()).with_target(SqlQuery(statement, form="time_series"))  # type: ignore[arg-type]


def sql_table(title: str, about: str, statement: str, *, width: int = HALF) -> table.Panel:
    """Return a panel of rows from PostgreSQL."""
    panel = table.Panel().title(title).description(about).datasource(POSTGRESQL).span(width).height(TALL)
    return panel.with_target(SqlQuery(statement, form="table"))  # type: ignore[arg-type]


def rows(title: str, about: str, query: Query, *, width: int = HALF) -> table.Panel:
    """Return a panel with the series of now as rows."""
    panel = table.Panel().title(title).description(about).datasource(PROMETHEUS).span(width).height(TALL)
    target = prometheus.Dataquery().expr(query.expression).ref_id("A").instant().format("table")  # type: ignore[arg-type]
    return panel.no_value("none").with_target(target.datasource(PROMETHEUS))


def variable(
    name: str, label: str, query: str, *, source: DataSourceRef, several: bool = True
) -> builders.QueryVariable:
    """Return a variable whose values a query finds."""
    found = builders.QueryVariable(name).label(label).query(query).datasource(source)
    found = found.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(several)
    return found.include_all(several).all_value(".+") if source is PROMETHEUS else found.include_all(several)


def rate(metric: str, *, by: str = "", where: str = "") -> str:
    """Return the sum of a counter's rates."""
    grouped = f" by ({by}) " if by else ""
    return (
        f"sum{grouped}(rate({metric}{{{where}}}[$__rate_interval]))"
        if where
        else f"sum{grouped}(rate({metric}[$__rate_interval]))"
    )


def quantile(share: float, histogram: str, *, by: str = "", where: str = "") -> str:
    """Return a quantile of a histogram."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', by=labels, where=where)})"


def quantiles(histogram: str, *, by: str = "", where: str = "", exemplars: bool = False) -> list[Query]:
    """Return the median, the 95th and the 99th percentile."""
    name = f"{{{{{by}}}}} " if by else ""
    return [
        Query(quantile(share, histogram, by=by, where=where), f"{name}p{share * 100:.0f}", exemplars and share == 0.99)
        for share in (0.5, 0.95, 0.99)
    ]


def _target(query: Query, place: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(chr(ord("A") + place))
    return target.datasource(PROMETHEUS).exemplar(query.exemplars).range()


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)  # noqa: FBT003
    )


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
