"""Registers the app with Django and looks over the settings of processes that run no system checks."""

from __future__ import annotations

import sys
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from dataflow_site.checks import findings, servers
from dataflow_site.logs.uncaught import log_uncaught
from dataflow_site.version import VERSION
from ingestion.spans import current

TRACED = ("web", "ingest", "grpc", "consumer", "jobs")


class DataflowSiteConfig(AppConfig):
    name = "dataflow_site"

    def ready(self) -> None:
        """:raises ImproperlyConfigured: a process that would serve has wrong settings"""
        user_logged_in.connect(_begin_session)
        if settings.DATAFLOW_LOG_FORMAT == "json":
            log_uncaught()
        if settings.DATAFLOW_TRACES and settings.PROCESS_NAME in TRACED:
            _start_spans()
        # uvicorn runs no checks; the commands of manage.py do.
        if Path(sys.argv[0]).name != "manage.py":
            findings.refuse_errors(findings.collect())


def _start_spans() -> None:
    """:raises ImproperlyConfigured: its packages are not there, or a variable of OpenTelemetry is not understood"""
    findings.refuse_errors(servers.traces(None))
    try:
        current.start(process=settings.PROCESS_NAME, version=VERSION, per_second=settings.DATAFLOW_TRACES_PER_SECOND)
    except current.InvalidTracing as error:
        raise ImproperlyConfigured(str(error)) from error


def _begin_session(request: HttpRequest | None = None, **_: object) -> None:
    if request is not None and hasattr(request.session, "begin"):
        request.session.begin()
