"""The dashboard of what the product runs on: its own processes, and the servers by their exporters."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import Panel, Query, dashboard, lines, quantiles, rate

PROCESSES = 'job=~"dataflow-.*"'


def build() -> Dashboard:
    """Return the dashboard."""
    board = dashboard("servers", "servers", "The product's processes, web, PostgreSQL, Redis, MongoDB and Kafka.")
    for title, panels in (
        ("Processes", _processes()),
        ("Web", _web()),
        ("PostgreSQL", _postgresql()),
        ("Redis", _redis()),
        ("MongoDB", _mongodb()),
        ("Kafka", _kafka()),
    ):
        board = board.with_row(Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return board


def _processes() -> list[Panel]:
    return [
        lines("CPU", "Cores that each process uses; one of ours uses about one at most.", "short",
              Query(f"sum by (job, instance) (rate(process_cpu_seconds_total{{{PROCESSES}}}[$__rate_interval]))",
                    "{{job}} {{instance}}")),
        lines("Memory", "Resident.", "bytes",
              Query(f"max by (job, instance) (process_resident_memory_bytes{{{PROCESSES}}})", "{{job}} {{instance}}")),
        lines("Open files", "And connections.", "short",
              Query(f"max by (job, instance) (process_open_fds{{{PROCESSES}}})", "{{job}} {{instance}}")),
        lines("Answers", "1: Prometheus gets their metrics.", "short", Query("min by (job) (up)", "{{job}}")),
    ]  # fmt: skip


def _web() -> list[Panel]:
    return [
        lines("Requests", "By status.", "reqps",
              Query(rate("django_http_responses_total_by_status_total", by="status"), "{{status}}"), stacked=True),
        lines("Time of requests", "Over all views.", "s",
              *quantiles("django_http_requests_latency_including_middlewares_seconds")),
        lines("Queries", "Their time in PostgreSQL.", "s", *quantiles("django_db_query_duration_seconds")),
        lines("Connections to PostgreSQL", "Of the pools, and requests that wait for one.", "short",
              Query("sum by (state) (queries_pool_connections)", "{{state}}"), stacked=True),
        lines("Cache", "The share of hits.", "percentunit",
              Query(f"{rate('django_cache_get_hits_total')} / {rate('django_cache_get_total')}", "hits")),
        lines("Live feed", "Clients, their subscriptions, and messages in a second.", "short",
              Query("sum(dashboard_live_viewers)", "clients"),
              Query("sum by (channel) (dashboard_live_subscriptions)", "{{channel}}"),
              Query(rate("dashboard_live_messages_total"), "messages/s")),
    ]  # fmt: skip


def _postgresql() -> list[Panel]:
    return [
        lines("Connections that are open", "By state, and the most that there may be.", "short",
              Query("sum by (state) (pg_stat_activity_count)", "{{state}}"),
              Query("max(pg_settings_max_connections)", "max_connections")),
        lines("Transactions", "Committed and rolled back.", "ops",
              Query(rate("pg_stat_database_xact_commit"), "committed"),
              Query(rate("pg_stat_database_xact_rollback"), "rolled back")),
        lines("Reads from its memory", "The share of blocks that shared_buffers had.", "percentunit",
              Query(f"{rate('pg_stat_database_blks_hit')} / ({rate('pg_stat_database_blks_hit')} + {rate('pg_stat_database_blks_read')})",
                    "hits")),
        lines("Size of databases", "Of each database.", "bytes", Query("max by (datname) (pg_database_size_bytes)", "{{datname}}")),
    ]  # fmt: skip


def _redis() -> list[Panel]:
    return [
        lines("Memory of Redis", "Used, and the most that it may use.", "bytes",
              Query("sum(redis_memory_used_bytes)", "used"), Query("sum(redis_memory_max_bytes)", "maxmemory")),
        lines("Commands", "And keys that were evicted.", "ops",
              Query(rate("redis_commands_processed_total"), "commands"), Query(rate("redis_evicted_keys_total"), "evicted")),
    ]  # fmt: skip


def _mongodb() -> list[Panel]:
    return [
        lines("Operations", "By kind.", "ops", Query(rate("mongodb_ss_opcounters", by="legacy_op_type"), "{{legacy_op_type}}")),
        lines("Connections of clients", "By state.", "short", Query('sum by (conn_type) (mongodb_ss_connections{conn_type=~"current|active"})', "{{conn_type}}")),
    ]  # fmt: skip


def _kafka() -> list[Panel]:
    return [
        lines("Records", "That each topic gets.", "ops",
              Query(rate("kafka_topic_partition_current_offset", by="topic"), "{{topic}}")),
        lines("Partitions with too few replicas in sync", "An acknowledged event may have a single copy.", "short",
              Query("sum by (topic) (kafka_topic_partition_under_replicated_partition)", "{{topic}}")),
        lines("Committed lag", "Of the consumer groups, as Kafka knows it.", "short",
              Query("sum by (consumergroup, topic) (kafka_consumergroup_lag)", "{{consumergroup}} {{topic}}")),
        lines("Brokers", "That answer.", "short", Query("max(kafka_brokers)", "brokers")),
    ]  # fmt: skip
