"""Names that are no setting."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 - Django's name for it

from dataflow_site.environment.env import env
from ingestion.management.command import SETTINGS_TAG

# What stands in the same `.env` for docker compose alone, and OpenTelemetry's own variables.
OF_OTHERS = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "MONGO_PASSWORD", "POSTGRES_SHARED_BUFFERS", "GRAFANA_", "OTEL_")


@register(SETTINGS_TAG)
def known_names(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """A misspelt variable would be ignored without a word."""
    names = {name for name in os.environ if name.startswith("DATAFLOW_")}
    names |= {name for name in env.lines if not name.startswith(OF_OTHERS)}
    return [
        Warning(f"{name}{_place(name)} is no setting.", hint=_nearest(name), id="dataflow.W001")
        for name in sorted(names - set(env.defaults))
    ]


def _place(name: str) -> str:
    return f" (line {env.lines[name]} of the settings file)" if name in env.lines else ""


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), env.defaults, n=1)
    return f"Did you mean {near[0]}?" if near else "See .env.example for the settings that there are."
