"""Finds wrong settings before they do harm; each finding says what to set instead."""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Sequence
from ipaddress import ip_network

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name for it

from dataflow_site import connection_checks
from dataflow_site.environment.env import env
from ingestion.management.command import SETTINGS_TAG
from ingestion.rate_windows import InvalidRate, parse_rate

PORTS = ("API_SERVICE_PORT", "INGESTION_SERVICE_PORT", "GRPC_SERVICE_PORT", "PROCESSOR_SERVICE_PORT")
AT_LEAST_ONE = (
    *("DATAFLOW_KAFKA_PARTITIONS", "DATAFLOW_KAFKA_REPLICATION", "DATAFLOW_KAFKA_RETENTION_DAYS"),
    *("DATAFLOW_MAX_BODY_BYTES", "DATAFLOW_MAX_EVENT_BYTES", "DATAFLOW_MAX_BATCH_EVENTS", "DATAFLOW_MAX_SOURCES"),
    "DATAFLOW_NEW_SOURCES_PER_KEY",
    *("DATAFLOW_IN_FLIGHT_BYTES", "DATAFLOW_IN_FLIGHT_EVENTS", "DATAFLOW_BATCH_EVENTS"),
    *("DATAFLOW_MAX_FIELDS_PER_SOURCE", "DATAFLOW_MAX_HEADER_BYTES", "DATAFLOW_MAX_HEADERS"),
    *("DATAFLOW_READS", "DATAFLOW_READS_PER_READER", "DATAFLOW_READS_WAITING"),
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
HOURS = {"DATAFLOW_SESSION_HOURS": 168, "DATAFLOW_SESSION_IDLE_HOURS": 24}
GUARDS = (
    *("DATAFLOW_GUARD_LAG_SECONDS", "DATAFLOW_GUARD_DEAD_LETTER_PERCENT"),
    *("DATAFLOW_WARN_DISK_PERCENT", "DATAFLOW_WARN_RETENTION_PERCENT", "DATAFLOW_CHECK_DOCUMENTS"),
    *("DATAFLOW_SOURCE_THROTTLE_SECONDS", "DATAFLOW_ROLLUP_ROWS_PER_MINUTE"),
    "DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY",
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
ADDRESS_LISTS = ("DATAFLOW_TRUSTED_PROXIES", "DATAFLOW_METRICS_FROM")
SHORTEST_KEY = 32  # characters
# What stands in the same `.env` for docker compose alone.
OF_DOCKER = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "MONGO_PASSWORD")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MIN_DIFFERENT = 5  # characters of a secret, as Django's security.W009 counts them
NEW_SECRET = """python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"""
_ADDRESS = re.compile(r"[^\s:]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # https://kafka.apache.org/documentation/#topicconfigs

Apps = Sequence[AppConfig] | None


@register(SETTINGS_TAG)
def ports(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Every process needs a port, each its own."""
    found: list[CheckMessage] = [
        Error(f"{name} is no port.", hint="Set it to a number from 1 to 65535.", id="dataflow.E001")
        for name in (*PORTS, "POSTGRES_PORT")
        if not 1 <= _value(name) <= 65_535
    ]
    if len({_value(name) for name in PORTS}) < len(PORTS):
        hint = f"Give each of {', '.join(PORTS)} a number of its own."
        found.append(Error("Two processes have the same port.", hint=hint, id="dataflow.E002"))
    return found


@register(SETTINGS_TAG)
def limits(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
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


@register(SETTINGS_TAG)
def servers(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
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
    topics = (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA)
    if len(set(topics)) < 2 or not all(_TOPIC.fullmatch(topic) for topic in topics):
        hint = "Give KAFKA_TOPIC_RAW_DATA and KAFKA_TOPIC_PROCESSED_DATA two names of letters, digits, '.', '_', '-'."
        found.append(Error("The topics' names are not two valid names.", hint=hint, id="dataflow.E008"))
    return found


@register(SETTINGS_TAG)
def addresses(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """What is no address would be trusted, or allowed, nowhere; a short key can be guessed."""
    found: list[CheckMessage] = [
        Error(f"{name} has what is no address.", hint="Write addresses, or networks as 10.0.0.0/8.", id="dataflow.E050")
        for name in ADDRESS_LISTS
        if not all(_is_network(text) for text in getattr(settings, name))
    ]
    if 0 < len(settings.DATAFLOW_METRICS_KEY) < SHORTEST_KEY:
        hint = f"Set it to {SHORTEST_KEY} random characters or more, or to nothing."
        found.append(Error("DATAFLOW_METRICS_KEY is too short.", hint=hint, id="dataflow.E051"))
    return found


@register(SETTINGS_TAG)
def known_names(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """A misspelt variable would be ignored without a word."""
    names = {name for name in os.environ if name.startswith("DATAFLOW_")}
    names |= {name for name in env.lines if not name.startswith(OF_DOCKER)}
    return [
        Warning(f"{name}{_place(name)} is no setting.", hint=_nearest(name), id="dataflow.W001")
        for name in sorted(names - set(env.defaults))
    ]


@register(SETTINGS_TAG)
def production(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """What a laptop may have and a server may not."""
    if os.environ.get("DATAFLOW_SECRET_KEY") == "":
        hint = "Set it to a text of your own, 50 random characters or more."
        return [Error("DATAFLOW_SECRET_KEY is empty.", hint=hint, id="dataflow.E015")]
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    found += _secrets()
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Set DATAFLOW_ALLOWED_HOSTS to the names that this site is reached by."
        found.append(
            Error("DATAFLOW_ALLOWED_HOSTS takes every name with DATAFLOW_DEBUG=0.", hint=hint, id="dataflow.E010")
        )
    if settings.DATAFLOW_HTTPS and not settings.DATAFLOW_TRUSTED_PROXIES:
        hint = "Set DATAFLOW_TRUSTED_PROXIES to the proxy's address, and let it set X-Forwarded-For (docs/proxies.md)."
        found.append(
            Warning("All clients behind the proxy count as one for wrong passwords.", hint=hint, id="dataflow.W050")
        )
    if settings.DATAFLOW_OPEN_INGEST:
        hint = "Set DATAFLOW_OPEN_INGEST=0 and make keys with `manage.py create_key`."
        found.append(Error("Events are taken without a key with DATAFLOW_DEBUG=0.", hint=hint, id="dataflow.E012"))
    return found


def _secrets() -> list[CheckMessage]:
    """A secret that is known or can be guessed lets strangers sign sessions; older ones only find keys."""
    found: list[CheckMessage] = []
    hint = f"Set DATAFLOW_SECRET_KEY to a text of your own, 50 random characters or more: {NEW_SECRET}"
    if settings.SECRET_KEY == settings.DEVELOPMENT_SECRET:
        found.append(Error("The development secret is in use with DATAFLOW_DEBUG=0.", hint=hint, id="dataflow.E009"))
    elif len(settings.SECRET_KEY) < settings.MIN_SECRET or len(set(settings.SECRET_KEY)) < MIN_DIFFERENT:
        message = (
            f"DATAFLOW_SECRET_KEY has fewer than {settings.MIN_SECRET} characters, or fewer than {MIN_DIFFERENT} "
            "different ones."
        )
        found.append(Error(message, hint=hint, id="dataflow.E040"))
    if settings.SECRET_KEY in settings.DATAFLOW_SECRET_KEY_FALLBACKS:
        hint = "Put the old secret into DATAFLOW_SECRET_KEY_FALLBACKS and a new one into DATAFLOW_SECRET_KEY."
        found.append(Warning("DATAFLOW_SECRET_KEY_FALLBACKS has the secret itself.", hint=hint, id="dataflow.W040"))
    return found


@register(SETTINGS_TAG)
def connections(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """TLS and users must be what clients and files allow."""
    return connection_checks.findings()


OURS = (ports, limits, servers, connections, addresses, known_names, production)


def findings() -> list[CheckMessage]:
    """Run the checks of this file alone."""
    return [finding for check in OURS for finding in check(None)]


def log(finding: CheckMessage) -> None:
    logger = logging.getLogger(__name__)
    level = max(finding.level, logging.WARNING)
    logger.log(level, finding.msg, extra={"id": finding.id, "hint": finding.hint})


def _value(name: str) -> int:
    return int(getattr(settings, name))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _place(name: str) -> str:
    return f" (line {env.lines[name]} of the settings file)" if name in env.lines else ""


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), env.defaults, n=1)
    return f"Did you mean {near[0]}?" if near else "See .env.example for the settings that there are."
