"""Ports, and limits that would stop everything."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from ingestion.management.command import SETTINGS_TAG
from ingestion.rate_windows import InvalidRate, parse_rate

PORTS = (
    *("API_SERVICE_PORT", "INGESTION_SERVICE_PORT", "GRPC_SERVICE_PORT", "PROCESSOR_SERVICE_PORT"),
    *("DATAFLOW_JOBS_PORT", "DATAFLOW_GRPC_METRICS_PORT"),
)
AT_LEAST_ONE = (
    *("DATAFLOW_KAFKA_PARTITIONS", "DATAFLOW_KAFKA_REPLICATION", "DATAFLOW_KAFKA_RETENTION_DAYS"),
    *("DATAFLOW_MAX_BODY_BYTES", "DATAFLOW_MAX_EVENT_BYTES", "DATAFLOW_MAX_BATCH_EVENTS", "DATAFLOW_MAX_SOURCES"),
    "DATAFLOW_NEW_SOURCES_PER_KEY",
    *("DATAFLOW_IN_FLIGHT_BYTES", "DATAFLOW_IN_FLIGHT_EVENTS", "DATAFLOW_BATCH_EVENTS"),
    *("DATAFLOW_MAX_FIELDS_PER_SOURCE", "DATAFLOW_MAX_HEADER_BYTES", "DATAFLOW_MAX_HEADERS"),
    *("DATAFLOW_READS", "DATAFLOW_READS_PER_READER", "DATAFLOW_READS_WAITING", "DATAFLOW_MAX_SCAN_DAYS"),
    "DATAFLOW_EXPORTS",
    *("DATAFLOW_MAX_IDLE_CONNECTIONS", "DATAFLOW_LIVE_SOCKETS", "DATAFLOW_LIVE_SOCKETS_PER_USER"),
    *("DATAFLOW_BODY_BUDGET_BYTES", "DATAFLOW_KEY_BODY_BUDGET_BYTES"),
    *("DATAFLOW_GRPC_CALLS_PER_KEY", "DATAFLOW_GRPC_CALLS"),
)
SECONDS = {
    "DATAFLOW_PUBLISH_DEADLINE_SECONDS": 5,
    "DATAFLOW_HEADER_SECONDS": 10,
    "DATAFLOW_BODY_SECONDS": 15,
    "DATAFLOW_WRITE_SECONDS": 30,
    "DATAFLOW_KEEP_ALIVE_SECONDS": 75,
    "DATAFLOW_CHECK_SECONDS": 60,
    "DATAFLOW_GRPC_FIRST_MESSAGE_SECONDS": 30,
    "DATAFLOW_GRPC_IDLE_SECONDS": 300,
}
HOURS = {"DATAFLOW_SESSION_HOURS": 168, "DATAFLOW_SESSION_IDLE_HOURS": 24, "DATAFLOW_EXPORT_HOURS": 2}
GUARDS = (
    *("DATAFLOW_GUARD_LAG_SECONDS", "DATAFLOW_GUARD_DEAD_LETTER_PERCENT"),
    *("DATAFLOW_WARN_DISK_PERCENT", "DATAFLOW_WARN_RETENTION_PERCENT", "DATAFLOW_CHECK_DOCUMENTS"),
    *("DATAFLOW_SOURCE_THROTTLE_SECONDS", "DATAFLOW_ROLLUP_ROWS_PER_MINUTE"),
    "DATAFLOW_TRACES_PER_SECOND",
    *("DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY", "DATAFLOW_PACK_EVERY_HOURS", "DATAFLOW_WEB_NICE"),
)
# The smaller one first: what the second holds must have room for one of the first.
FITS_INTO = (
    ("DATAFLOW_MAX_EVENT_BYTES", "DATAFLOW_MAX_BODY_BYTES"),
    ("DATAFLOW_MAX_BODY_BYTES", "DATAFLOW_IN_FLIGHT_BYTES"),
    ("DATAFLOW_MAX_BODY_BYTES", "DATAFLOW_KEY_BODY_BUDGET_BYTES"),
    ("DATAFLOW_KEY_BODY_BUDGET_BYTES", "DATAFLOW_BODY_BUDGET_BYTES"),
    ("DATAFLOW_GRPC_CALLS_PER_KEY", "DATAFLOW_GRPC_CALLS"),
    ("DATAFLOW_MAX_BATCH_EVENTS", "DATAFLOW_IN_FLIGHT_EVENTS"),
    ("DATAFLOW_READS_PER_READER", "DATAFLOW_READS"),
)


@register(SETTINGS_TAG)
def ports(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Every process needs a port, each its own."""
    found: list[CheckMessage] = [
        Error(f"{name} is no port.", hint="Set it to a number from 1 to 65535.", id="dataflow.E001")
        for name in (*PORTS, "POSTGRES_PORT")
        if not all(1 <= int(number) <= 65_535 for number in str(getattr(settings, name)).split(","))
    ]
    if len({_value(name) for name in PORTS}) < len(PORTS):
        hint = f"Give each of {', '.join(PORTS)} a number of its own."
        found.append(Error("Two processes have the same port.", hint=hint, id="dataflow.E002"))
    return found


@register(SETTINGS_TAG)
def limits(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """A limit below one, or below what must fit into it, stops everything."""
    found: list[CheckMessage] = [
        Error(f"{name} is {_value(name)}.", hint="Set it to 1 or more.", id="dataflow.E003")
        for name in AT_LEAST_ONE
        if _value(name) < 1
    ]
    try:
        parse_rate(settings.DATAFLOW_KEY_RATE)
    except InvalidRate as error:
        found.append(Error("DATAFLOW_KEY_RATE is no rate.", hint=str(error), id="dataflow.E013"))
    found += [
        Error(
            f"{name} is not above 0.", hint=f"Set it to a number of seconds, for example {usual}.", id="dataflow.E004"
        )
        for name, usual in SECONDS.items()
        if getattr(settings, name) <= 0
    ]
    found += [
        Error(f"{name} is not above 0.", hint=f"Set it to a number of hours, for example {usual}.", id="dataflow.E052")
        for name, usual in HOURS.items()
        if getattr(settings, name) <= 0
    ]
    found += [
        Error(f"{name} is below 0.", hint="Set it to 0 to turn it off.", id="dataflow.E014")
        for name in GUARDS
        if getattr(settings, name) < 0
    ]
    for smaller, larger in FITS_INTO:
        if _value(smaller) > _value(larger):
            hint = f"Raise {larger} or lower {smaller}."
            found.append(Error(f"{smaller} is larger than {larger}.", hint=hint, id="dataflow.E005"))
    return found


def _value(name: str) -> int:
    return int(getattr(settings, name))
