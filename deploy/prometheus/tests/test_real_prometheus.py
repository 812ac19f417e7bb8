"""A real Prometheus beside a real product under load: it scrapes every process, and tells when events are no longer stored."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.prometheus import expressions
from deploy.prometheus.expressions import alerts, rules
from deploy.testing.deployment import Deployment
from deploy.testing.monitored_product import TRACEPARENT, MonitoredProduct
from deploy.testing.prometheus_server import needs_prometheus

pytestmark = [pytest.mark.services, needs_prometheus]


@pytest.fixture(scope="module")
def product(module_site: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredProduct]:
    watched = MonitoredProduct(module_site, tmp_path_factory.mktemp("prometheus"))
    try:
        watched.start_load()
        yield watched
    finally:
        watched.stop()


def test_every_process_is_scraped(product: MonitoredProduct) -> None:
    wanted = {f"dataflow-{name}": "up" for name in product.processes}

    product.site.wait_for(lambda: product.prometheus.targets() == wanted)


def test_every_series_that_rules_read_is_there_under_load(product: MonitoredProduct) -> None:
    wanted = {name for rule in rules() for name in expressions.names(rule.expression)}

    product.site.wait_for(lambda: wanted <= product.prometheus.names(), 45)
    assert product.prometheus.unhealthy_rules() == {}


def test_nothing_fires_while_all_is_well(product: MonitoredProduct) -> None:
    # Windows without a single scrape after the start are over.
    product.site.wait_for(lambda: product.prometheus.query("dataflow:freshness_errors:ratio_rate3d < 0.01"), 45)
    product.site.wait_for(lambda: product.prometheus.query("dataflow:acceptance_errors:ratio_rate3d < 0.001"), 45)

    critical = {alert.name for alert in alerts() if alert.severity == "critical"}
    product.site.wait_for(lambda: not critical & product.prometheus.firing().keys(), 30)


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
    told = product.prometheus.firing()["FreshnessBurnsFast"]
    assert told["summary"].startswith("Events are stored too late or not at all")
    assert "AcceptanceBurnsFast" not in product.prometheus.firing()
