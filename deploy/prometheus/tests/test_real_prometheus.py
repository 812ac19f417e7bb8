"""A real Prometheus beside a real product under load: it scrapes every process, dashboards show what it has, and it tells when
events are no longer stored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import psycopg
import pytest

from deploy.grafana.tests import board_panels
from deploy.prometheus import expressions
from deploy.prometheus.expressions import alerts, rules
from deploy.testing import exporters as exporters_module
from deploy.testing.deployment import Deployment
from deploy.testing.exporters import exporters
from deploy.testing.monitored_product import TRACEPARENT, MonitoredProduct
from deploy.testing.prometheus_server import needs_prometheus
from queries.tests.services.sql_readers import readers

# What Debian has no exporter for, or none of these days, is checked by name alone; and the list of alerts is empty while all is well.
OF_OTHERS = r"\b(mongodb|kafka)_\w+|^ALERTS$"
PROMETHEUS_PANELS = [
    name
    for name, panel in board_panels.over_prometheus().items()
    if not any(re.search(OF_OTHERS, target["expr"]) for target in panel["targets"])
    and (exporters_module.POSTGRESQL or "pg_" not in str(panel["targets"]))
    and (exporters_module.REDIS or "redis_" not in str(panel["targets"]))
]
SOURCES = ["weather-berlin", "weather-0", "weather-1"]

pytestmark = [pytest.mark.services, needs_prometheus]


@pytest.fixture(scope="module")
def product(module_site: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredProduct]:
    folder = tmp_path_factory.mktemp("prometheus")
    with exporters(module_site.servers, folder) as others:
        watched = MonitoredProduct(module_site, folder / "server", others)
        try:
            watched.start_load()
            yield watched
        finally:
            watched.stop()


@pytest.fixture(scope="module")
def reader(product: MonitoredProduct) -> str:
    """The address of a reader by SQL, as Grafana has it."""
    return readers.create(readers.name_of(product.site, "grafana"))


def test_every_process_is_scraped(product: MonitoredProduct) -> None:
    wanted = {f"dataflow-{name}" for name in product.processes}

    product.site.wait_for(lambda: set(product.prometheus.targets().values()) == {"up"})
    assert wanted <= product.prometheus.targets().keys()


def test_every_series_that_rules_read_is_there_under_load(product: MonitoredProduct) -> None:
    # The load has one client of the live feed.
    product.site.wait_for(lambda: product.prometheus.query('sum(dashboard_live_subscriptions{channel="tail"}) == 1'))
    wanted = {name for rule in rules() for name in expressions.names(rule.expression)}

    product.site.wait_for(lambda: wanted <= product.prometheus.names(), 45)
    assert product.prometheus.unhealthy_rules() == {}


def test_nothing_fires_while_all_is_well(product: MonitoredProduct) -> None:
    # Windows without a single scrape after the start are over.
    product.site.wait_for(lambda: product.prometheus.query("dataflow:freshness_errors:ratio_rate3d < 0.01"), 45)
    product.site.wait_for(lambda: product.prometheus.query("dataflow:acceptance_errors:ratio_rate3d < 0.001"), 45)

    critical = {alert.name for alert in alerts() if alert.severity == "critical"}
    product.site.wait_for(lambda: not critical & product.prometheus.firing().keys(), 30)


@pytest.mark.parametrize("name", PROMETHEUS_PANELS)
def test_a_panel_over_prometheus_is_not_empty_under_load(product: MonitoredProduct, name: str) -> None:
    for target in board_panels.every()[name]["targets"]:
        expression = board_panels.promql(target["expr"], seconds=5)
        product.site.wait_for(lambda expression=expression: has_numbers(product, expression), 30)  # type: ignore[misc]


@pytest.mark.parametrize("name", board_panels.over_postgresql())
def test_a_panel_over_postgresql_is_not_empty_under_load(product: MonitoredProduct, reader: str, name: str) -> None:
    [target] = board_panels.every()[name]["targets"]
    form = target["format"]

    def found() -> list[tuple[object, ...]]:
        statement = board_panels.sql(target["rawSql"], sources=SOURCES, fields=["temperature"])
        with psycopg.connect(reader) as connection:
            cursor = connection.execute(statement.encode())
            columns = [column.name for column in cursor.description or ()]
            assert form == "table" or columns == ["time", "metric", "value"]
            return cursor.fetchall()

    product.site.wait_for(found)


def test_the_variables_of_dashboards_have_values(product: MonitoredProduct, reader: str) -> None:
    variables = [one for board in board_panels.BOARDS.values() for one in board.get("templating", {}).get("list", [])]

    assert {one["name"] for one in variables} == {"source", "field", "instance"}
    for one in variables:
        if one["datasource"]["type"] == "prometheus":
            [selector] = re.findall(r"^label_values\((.+), instance\)$", one["query"])
            assert len(product.prometheus.query(selector)) == 3
        else:
            statement = board_panels.sql(one["query"], sources=SOURCES, fields=[])
            with psycopg.connect(reader) as connection:
                assert connection.execute(statement.encode()).fetchall()


def test_times_of_requests_lead_to_their_traces(product: MonitoredProduct) -> None:
    def traces() -> set[str]:
        found = product.prometheus.exemplars(
            '{__name__=~"ingestion_request_seconds_bucket|processing_oldest_event_age_seconds_bucket"}',
            start=time.time() - 60,
            end=time.time(),
        )
        return {
            one["seriesLabels"]["__name__"]
            for one in found
            for exemplar in one["exemplars"]
            if exemplar["labels"]["trace_id"] in TRACEPARENT
        }

    product.site.wait_for(lambda: len(traces()) == 2)


def test_freshness_burns_once_the_consumer_is_stopped(product: MonitoredProduct) -> None:
    product.stop_consumer()

    product.site.wait_for(lambda: {"FreshnessBurnsFast", "NoConsumer"} <= product.prometheus.firing().keys(), 45)

    product.site.wait_for(lambda: product.prometheus.query("dataflow:freshness_errors:ratio_rate5m > 0.9"), 20)
    assert has_numbers(product, "ALERTS")
    told = product.prometheus.firing()["FreshnessBurnsFast"]
    assert told["summary"].startswith("Events are stored too late or not at all")
    assert "AcceptanceBurnsFast" not in product.prometheus.firing()


def has_numbers(product: MonitoredProduct, expression: str) -> bool:
    """Return whether a query over the last half minute finds a value that is a number."""
    now = time.time()
    found = product.prometheus.query_range(expression, start=now - 30, end=now)
    return any(value != "NaN" for series in found for _, value in series["values"])
