"""Finds wrong settings of TLS and users before a server refuses them. No finding repeats a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name for it

from ingestion.management.command import SETTINGS_TAG

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@register(SETTINGS_TAG)
def connections(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """TLS and users must be what clients and files allow."""
    return [*_kafka(), *_postgres(), *_files()]


@register(SETTINGS_TAG)
def mongodb(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """The address of MongoDB must be one. For processes that use MongoDB: this loads its client."""
    from processing.stores.mongodb import documents  # noqa: PLC0415 - 25 MB, which receivers do without

    if not settings.MONGO_URI.startswith("mongodb") or documents.is_address(settings.MONGO_URI):
        return []
    hint = "Write what is special in user and password (@ : / ? # %) as urllib.parse.quote_plus does."
    return [Error("MONGO_URI can't be parsed.", hint=hint, id="dataflow.E035")]


def _kafka() -> Iterator[CheckMessage]:
    if settings.KAFKA_SECURITY_PROTOCOL not in PROTOCOLS:
        hint = f"Set it to one of {', '.join(PROTOCOLS)}."
        yield Error("KAFKA_SECURITY_PROTOCOL is no protocol.", hint=hint, id="dataflow.E030")
        return
    if not settings.KAFKA_SECURITY_PROTOCOL.startswith("SASL_"):
        return
    if settings.KAFKA_SASL_MECHANISM not in MECHANISMS:
        hint = f"Set it to one of {', '.join(MECHANISMS)}."
        yield Error("KAFKA_SASL_MECHANISM is no mechanism.", hint=hint, id="dataflow.E031")
    if not settings.KAFKA_SASL_USERNAME or not settings.KAFKA_SASL_PASSWORD:
        hint = "Set both, or KAFKA_SECURITY_PROTOCOL to one without SASL."
        yield Error("KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is empty.", hint=hint, id="dataflow.E032")
    if settings.KAFKA_SECURITY_PROTOCOL == "SASL_PLAINTEXT" and not settings.DEBUG:
        hint = "Set KAFKA_SECURITY_PROTOCOL=SASL_SSL."
        yield Warning("Kafka's user and all events are sent without encryption.", hint=hint, id="dataflow.W030")


def _postgres() -> Iterator[CheckMessage]:
    hosts, ports = (len(str(one).split(",")) for one in (settings.POSTGRES_HOST, settings.POSTGRES_PORT))
    if ports not in (1, hosts):
        hint = "Name one port for all hosts, or one for each in their order."
        yield Error(f"POSTGRES_PORT has {ports} ports, POSTGRES_HOST {hosts} hosts.", hint=hint, id="dataflow.E038")
    mode = settings.POSTGRES_TLS.get("sslmode", "prefer")
    if mode not in SSL_MODES:
        hint = f"Set it to one of {', '.join(SSL_MODES)}."
        yield Error("POSTGRES_SSLMODE is no mode of libpq.", hint=hint, id="dataflow.E033")
    if mode.startswith("verify-") and "sslrootcert" not in settings.POSTGRES_TLS:
        hint = "Name the file of the authority's certificates, or `system`."
        yield Error(f"POSTGRES_SSLMODE={mode} needs POSTGRES_SSLROOTCERT.", hint=hint, id="dataflow.E034")


def _files() -> Iterator[CheckMessage]:
    named = {
        "KAFKA_SSL_CAFILE": settings.KAFKA_SSL_CAFILE,
        "KAFKA_SSL_CERTFILE": settings.KAFKA_SSL_CERTFILE,
        "KAFKA_SSL_KEYFILE": settings.KAFKA_SSL_KEYFILE,
        "POSTGRES_SSLROOTCERT": settings.POSTGRES_TLS.get("sslrootcert", "").replace("system", ""),
        "POSTGRES_SSLCERT": settings.POSTGRES_TLS.get("sslcert", ""),
        "POSTGRES_SSLKEY": settings.POSTGRES_TLS.get("sslkey", ""),
        "REDIS_SSL_CAFILE": settings.REDIS_CONNECTION.get("ssl_ca_certs", ""),
        "REDIS_SSL_CERTFILE": settings.REDIS_CONNECTION.get("ssl_certfile", ""),
        "REDIS_SSL_KEYFILE": settings.REDIS_CONNECTION.get("ssl_keyfile", ""),
    }
    for name, path in named.items():
        if path and not _is_readable(path):
            hint = "Name a file in PEM that this user may read."
            yield Error(f"{name} names no file that can be read.", hint=hint, id="dataflow.E036")
    for server in ("KAFKA_SSL_", "POSTGRES_SSL", "REDIS_SSL_"):
        own = [named[name] for name in named if name.startswith(server) and not name.endswith(("CAFILE", "ROOTCERT"))]
        if any(own) and not all(own):
            hint = "Set both, or none."
            yield Error(f"Of our certificate for {server}… and its key one is missing.", hint=hint, id="dataflow.E037")


def _is_readable(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError:
        return False
