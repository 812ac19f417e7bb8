"""The dashboard of the pipeline: is everything accounted for, how fresh is it, what holds it up."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import QUARTER, WIDTH, Panel, Query, dashboard, lines, number, quantiles, rate, rows


def build() -> Dashboard:
    """Return the dashboard."""
    board = dashboard("pipeline", "pipeline", "From the receivers through Kafka to both stores.")
    for panel in (*_numbers(), *_flow(), *_lag()):
        board = board.with_panel(panel)
    board = board.with_row(Row("What takes the time"))
    for panel in _times():
        board = board.with_panel(panel)
    board = board.with_row(Row("Logic, jobs, alerts"))
    for panel in (*_logic(), *_jobs()):
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Panel]:
    return [
        number("Unaccounted", "Lines without one outcome. Anything but 0 is a defect.", "short",
               Query("max(processing_unaccounted_events)"), bad=1),
        number("Behind", "How long the oldest record has waited.", "s", Query("max(processing_backlog_seconds)"), bad=60),
        number("Held partitions", "They are not read until an operator says so.", "short",
               Query("sum(processing_held_partitions)"), bad=1),
        number("Sources set aside", "Because of their dead letters.", "short",
               Query("max(processing_paused_sources)"), bad=1),
    ]  # fmt: skip


def _flow() -> list[Panel]:
    return [
        lines("Events", "What became of the lines of raw-data, and what receivers accepted.", "cps",
              Query(rate("processing_events_total", by="outcome"), "{{outcome}}"),
              Query(rate("ingestion_events_accepted_total"), "accepted")),
        lines("Age when stored", "Of each batch's oldest event, since it was received. The objective is 2 s.", "s",
              *quantiles("processing_oldest_event_age_seconds", exemplars=True)),
        lines("Missed objectives", "The share of events that were not stored within 2 s, and of requests not answered within 250 ms.",
              "percentunit", Query("dataflow:freshness_errors:ratio_rate5m", "freshness"),
              Query("dataflow:acceptance_errors:ratio_rate5m", "acceptance")),
        lines("Waiting for", "Consumers that wait for a server, or for somebody to act.", "short",
              Query("sum by (reason) (processing_waiting_for)", "{{reason}}"), stacked=True),
    ]  # fmt: skip


def _lag() -> list[Panel]:
    return [
        lines("Lag in records", "Records without effects, of partitions that are read and of held ones.", "short",
              Query("sum by (held) (processing_lag_records)", "held: {{held}}"), stacked=True),
        lines("Lag in seconds, by partition", "How long the oldest record of each has waited.", "s",
              Query("max by (partition) (processing_lag_seconds)", "{{partition}}")),
    ]  # fmt: skip


def _times() -> list[Panel]:
    return [
        lines("Steps of a batch", "Seconds of each step in a second, over all consumers. Documents are written beside rows.", "s",
              Query(rate("processing_step_seconds_sum", by="step"), "{{step}}"), stacked=True),
        lines("Statements", "The 99th percentile by store and kind.", "s",
              Query("histogram_quantile(0.99, sum by (store, kind, le) (rate(processing_statement_seconds_bucket[$__rate_interval])))",
                    "{{store}} {{kind}}")),
        lines("A batch", "From its first record to its COMMIT, outages included.", "s", *quantiles("processing_batch_seconds")),
        lines("Events in a batch", "More under load.", "short", *quantiles("processing_batch_events")),
    ]  # fmt: skip


def _logic() -> list[Panel]:
    return [
        lines("Errors of logic", "Events that rules or schemas failed on.", "cps",
              Query(rate("processing_logic_errors_total", by="kind"), "{{kind}}")),
        lines("Revision of logic", "That judged each consumer's last batch; they differ only for a moment.", "none",
              Query("max by (instance) (processing_logic_revision)", "{{instance}}")),
    ]  # fmt: skip


def _jobs() -> list[Panel]:
    return [
        lines("Jobs", "Queued, running and paused.", "short", Query("max by (state) (processing_jobs)", "{{state}}"), stacked=True),
        lines("Chunks of jobs", "Done and failed, by kind.", "ops",
              Query(rate("processing_job_steps_total", by="kind"), "{{kind}}"),
              Query(rate("processing_job_errors_total", by="kind"), "{{kind}} failed")),
        number("Incidents", "Opened within the last hour.", "short",
               Query("sum(increase(processing_incidents_total[1h]))"), bad=1, width=QUARTER),
        rows("Alerts", "That fire or are about to.", Query("ALERTS"), width=WIDTH - QUARTER),
    ]  # fmt: skip
