"""What would let strangers in: secrets that can be guessed, and what a laptop may have and a server may not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_network

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name for it

from ingestion.management.command import SETTINGS_TAG

ADDRESS_LISTS = ("DATAFLOW_TRUSTED_PROXIES", "DATAFLOW_METRICS_FROM")
SHORTEST_KEY = 32  # characters
MIN_DIFFERENT = 5  # characters of a secret, as Django's security.W009 counts them
NEW_SECRET = """python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"""


@register(SETTINGS_TAG)
def addresses(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
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
def production(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
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


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
