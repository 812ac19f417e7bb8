"""What running processes expose is what docs/metrics.md says, and no label has values without bound."""

from __future__ import annotations

import json
import urllib.request

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from deploy.metrics import definitions
from deploy.metrics.definitions import SECTIONS, Definition
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.tests.client import JSON, call, event, numbered, post
from ingestion.tests.grpc_client import Client
from ingestion.tests.grpc_client import event as grpc_event

pytestmark = pytest.mark.services

LIBRARIES = ("process_", "python_", "django_")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Product:
    """All processes, after some load of every kind."""

    def __init__(self, site: Deployment) -> None:
        self.site = site
        self.processes = {
            process.name: process
            for process in (
                *(site.start_ingest(), site.start_grpc(), site.start_web()),
                *(site.start_consumer(), site.start_jobs()),
            )
        }

    def send(self) -> None:
        ingest = self.processes["ingest"].url
        site, traced = self.site, {**JSON, "traceparent": TRACEPARENT}
        site.wait_for(lambda: post(ingest, numbered(50)).status == 202)
        assert call(ingest, "POST", "/ingest", json.dumps(event("traced")).encode(), traced).status == 202
        assert call(ingest, "POST", "/write", b"weather temperature=82").status == 204
        assert post(ingest, [{"sourceId": "no timestamp"}]).status == 422
        Client(self.processes["grpc"].port).ingest(grpc_event("sensor-3"))
        site.wait_for(lambda: value(self.scrape("consumer"), "processing_events_total", outcome="stored") >= 52)
        site.wait_for(lambda: value(self.scrape("jobs"), "processing_unaccounted_events") == 0)

    def scrape(self, name: str) -> list[Metric]:
        return scrape(self.processes[name])


@pytest.fixture(scope="module")
def product(module_site: Deployment) -> Product:
    found = Product(module_site)
    found.send()
    return found


def test_every_process_exposes_what_is_documented_and_nothing_else(product: Product) -> None:
    exposed = {name: {metric.name: metric for metric in product.scrape(name)} for name in product.processes}
    documented = {_family(one): one for one in definitions.every()}

    ours = {name for found in exposed.values() for name in found if not name.startswith(LIBRARIES)}
    assert ours == documented.keys()
    for section in SECTIONS:
        for process in section.processes:
            assert {_family(one) for one in section.definitions} <= exposed[process].keys(), (section.title, process)


def test_what_is_exposed_has_the_type_and_the_labels_that_are_documented(product: Product) -> None:
    documented = {_family(one): one for one in definitions.every()}

    for process in product.processes:
        for metric in product.scrape(process):
            if metric.name in documented:
                one = documented[metric.name]
                labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
                assert metric.type == one.kind
                assert labels in (set(one.labels), set())


def test_no_label_has_a_source_or_a_key_as_its_value(product: Product) -> None:
    values = {
        value
        for process in product.processes
        for metric in product.scrape(process)
        for sample in metric.samples
        for value in sample.labels.values()
    }

    assert not values & {"sensor-123", "traced", "sensor-2", "sensor-3", "weather"}
    assert not {value for value in values if value.startswith("dfe_")}


def test_times_of_requests_are_by_receiver_and_name_traces(product: Product) -> None:
    ingest, grpc = product.scrape("ingest"), product.scrape("grpc")

    assert value(ingest, "ingestion_request_seconds_count", door="http") >= 2
    assert value(ingest, "ingestion_request_seconds_count", door="influx") == 1
    assert value(grpc, "ingestion_request_seconds_count", door="grpc") == 1
    assert TRACE_ID in exemplars(ingest, "ingestion_request_seconds_bucket")
    assert TRACE_ID in exemplars(product.scrape("consumer"), "processing_oldest_event_age_seconds_bucket")
    assert value(ingest, "ingestion_requests_in_flight") == value(grpc, "ingestion_requests_in_flight") == 0


def test_keys_are_looked_for_once_and_found_in_the_cache_then(product: Product) -> None:
    keyed = product.site.start_ingest({"DATAFLOW_OPEN_INGEST": "0"})
    _, token = api_keys.create("meter", ["ingest"])
    headers = {**JSON, "Authorization": f"Bearer {token}"}

    for number in range(3):
        body = json.dumps(event("keyed", payload={"n": number})).encode()
        assert call(keyed.url, "POST", "/ingest", body, headers).status == 202

    found = scrape(keyed)
    counts = {result: value(found, "ingestion_key_cache_total", result=result) for result in ("hit", "miss", "stale")}
    assert counts == {"hit": 2, "miss": 1, "stale": 0}
    assert value(found, "ingestion_keys_cached") == 1


def test_a_batch_shows_how_long_its_steps_and_statements_took(product: Product) -> None:
    consumer = product.scrape("consumer")

    batches = value(consumer, "processing_batch_seconds_count")
    for step in ("gather", "decode", "judge", "claim", "documents", "rows", "add_up", "commit", "publish"):
        assert 0 < value(consumer, "processing_step_seconds_count", step=step) <= batches
    assert value(consumer, "processing_statement_seconds_count", store="postgresql", kind="commit") >= batches
    assert value(consumer, "processing_statement_seconds_count", store="mongodb", kind="insert") > 0
    assert value(consumer, "processing_fresh_events_total", within="2") > 0


def test_web_shows_its_pool_and_the_cache(product: Product) -> None:
    def has_hits() -> bool:
        assert call(product.processes["web"].url, "GET", "/api/pipeline/").status == 200
        return value(product.scrape("web"), "django_cache_get_hits_total", backend="redis") > 0

    product.site.wait_for(has_hits)
    web = product.scrape("web")

    assert value(web, "queries_pool_connections", state="idle") >= 1
    assert value(web, "queries_pool_connections", state="waiting") == 0
    assert value(web, "django_cache_get_total", backend="redis") > 0
    assert value(web, "django_db_execute_total", alias="default", vendor="postgresql") > 0


def scrape(process: ProductProcess) -> list[Metric]:
    asked = urllib.request.Request(f"{process.metrics_url}/metrics", headers={"Accept": OPEN_METRICS})
    with urllib.request.urlopen(asked) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))  # type: ignore[no-untyped-call]


def value(metrics: list[Metric], series: str, **labels: str) -> float:
    """Return the value of one series, 0 if it is not there."""
    return sum(
        sample.value
        for metric in metrics
        for sample in metric.samples
        if sample.name == series and sample.labels == labels
    )


def exemplars(metrics: list[Metric], series: str) -> set[str]:
    return {
        sample.exemplar.labels["trace_id"]
        for metric in metrics
        for sample in metric.samples
        if sample.name == series and sample.exemplar
    }


def _family(one: Definition) -> str:
    return one.name.removesuffix("_total")
