"""The dashboard of the receivers: what comes in, how quickly it is answered, what is refused and why."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import (
    PROMETHEUS,
    Panel,
    Query,
    dashboard,
    lines,
    number,
    quantile,
    quantiles,
    rate,
    variable,
)

OWN = 'instance=~"$instance"'


def build() -> Dashboard:
    """Return the dashboard."""
    board = dashboard("doors", "doors", "The receivers: HTTP, line protocol and gRPC.")
    instances = 'label_values(up{job=~"dataflow-(ingest|grpc|web)"}, instance)'
    board = board.with_variable(variable("instance", "Process", instances, source=PROMETHEUS))
    for panel in (*_numbers(), *_requests(), *_refusals()):
        board = board.with_panel(panel)
    board = board.with_row(Row("Kafka and keys"))
    for panel in _kafka():
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Panel]:
    return [
        number("Events", "Accepted in a second.", "cps", Query(rate("ingestion_events_accepted_total", where=OWN))),
        number("p99", "Of the time to a positive answer; the objective is 250 ms.", "s",
               Query(quantile(0.99, "ingestion_request_seconds", where=OWN)), bad=0.25),
        number("In flight", "Requests that are not answered yet.", "short",
               Query(f"sum(ingestion_requests_in_flight{{{OWN}}})")),
        number("Closed", "1: requests are refused because processing is behind.", "short",
               Query(f"max(ingestion_backpressure{{{OWN}}})"), bad=1),
    ]  # fmt: skip


def _requests() -> list[Panel]:
    return [
        lines("Time to a positive answer", "From a request's last byte, by receiver. With traces that callers began.", "s",
              *quantiles("ingestion_request_seconds", by="door", where=OWN, exemplars=True)),
        lines("Accepted requests", "By receiver; a batch of a gRPC stream counts as one.", "reqps",
              Query(rate("ingestion_request_seconds_count", by="door", where=OWN), "{{door}}"), stacked=True),
        lines("Answers over HTTP", "By status.", "reqps",
              Query(rate("ingestion_requests_total", by="status", where=OWN), "{{status}}"), stacked=True),
        lines("Missed objective", "The share of requests that were not answered within 250 ms, over an hour and five minutes.",
              "percentunit", Query("dataflow:acceptance_errors:ratio_rate5m", "5 min"),
              Query("dataflow:acceptance_errors:ratio_rate1h", "1 h")),
    ]  # fmt: skip


def _refusals() -> list[Panel]:
    return [
        lines("Refused requests", "By problem code: docs/problems.md.", "reqps",
              Query(f"{rate('ingestion_requests_refused_total', by='code', where=OWN)} > 0", "{{code}}"), stacked=True),
        lines("Rejected events", "By problem code; the others of their requests were accepted.", "cps",
              Query(rate("ingestion_events_rejected_total", by="code", where=OWN), "{{code}}"), stacked=True),
    ]  # fmt: skip


def _kafka() -> list[Panel]:
    return [
        lines("Kafka's share", "Of the time: from sending a flush to its acknowledgement.", "s",
              *quantiles("ingestion_flush_seconds", where=OWN)),
        lines("Events in a flush", "More under load.", "short", *quantiles("ingestion_flush_events", where=OWN)),
        lines("Waiting for Kafka", "Events that are not acknowledged yet.", "short",
              Query(f"sum by (instance) (ingestion_in_flight_events{{{OWN}}})", "{{instance}}")),
        lines("Memory of what waits", "Approximate.", "bytes",
              Query(f"sum by (instance) (ingestion_in_flight_bytes{{{OWN}}})", "{{instance}}")),
        lines("Records", "By the way that they went, and flushes that failed.", "ops",
              Query(rate("ingestion_records_sent_total", by="way", where=OWN), "{{way}}"),
              Query(rate("ingestion_flushes_failed_total", where=OWN), "failed flushes")),
        lines("Cache of keys", "Keys that were looked for.", "ops",
              Query(rate("ingestion_key_cache_total", by="result", where=OWN), "{{result}}"), stacked=True),
        lines("Keys in the cache", "Valid ones.", "short",
              Query(f"sum by (instance) (ingestion_keys_cached{{{OWN}}})", "{{instance}}")),
    ]  # fmt: skip
