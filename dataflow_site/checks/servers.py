"""Addresses of servers, names of topics, logs and traces: whether each has its form."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from dataflow_site.logs.configuration import FORMATS, LEVELS
from ingestion.management.command import SETTINGS_TAG
from ingestion.spans import current

_ADDRESS = re.compile(r"[^\s:]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # https://kafka.apache.org/documentation/#topicconfigs


@register(SETTINGS_TAG)
def servers(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Addresses and names must be of the form that their server takes."""
    found: list[CheckMessage] = []
    for name, addresses in (
        ("KAFKA_BOOTSTRAP_SERVERS", settings.KAFKA_BOOTSTRAP_SERVERS or [""]),
        ("REDIS_ADDR", [settings.REDIS_ADDR]),
    ):
        if not all(_ADDRESS.fullmatch(address) for address in addresses):
            found.append(
                Error(
                    f"{name} is no address.",
                    hint="Write host:port, or several with commas for Kafka.",
                    id="dataflow.E006",
                )
            )
    if not settings.MONGO_URI.startswith(("mongodb://", "mongodb+srv://")):
        found.append(Error("MONGO_URI is no MongoDB URI.", hint="Write mongodb://host:port.", id="dataflow.E007"))
    if settings.DATAFLOW_LOG_LEVEL not in LEVELS:
        hint = f"Set it to one of {', '.join(LEVELS)}."
        found.append(Error("DATAFLOW_LOG_LEVEL is no level.", hint=hint, id="dataflow.E011"))
    if settings.DATAFLOW_LOG_FORMAT not in FORMATS:
        hint = f"Set it to one of {', '.join(FORMATS)}."
        found.append(Error("DATAFLOW_LOG_FORMAT is no format.", hint=hint, id="dataflow.E060"))
    topics = (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA)
    if len(set(topics)) < 2 or not all(_TOPIC.fullmatch(topic) for topic in topics):
        hint = "Give KAFKA_TOPIC_RAW_DATA and KAFKA_TOPIC_PROCESSED_DATA two names of letters, digits, '.', '_', '-'."
        found.append(Error("The topics' names are not two valid names.", hint=hint, id="dataflow.E008"))
    return found


@register(SETTINGS_TAG)
def traces(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """What makes spans is in packages of its own."""
    if not settings.DATAFLOW_TRACES or current.are_installed():
        return []
    hint = "Install them: pip install -r requirements-otel.txt. Or set DATAFLOW_TRACES to 0."
    return [Error("DATAFLOW_TRACES needs packages that are not there.", hint=hint, id="dataflow.E061")]
