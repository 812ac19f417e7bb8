"""Registers the app with Django and looks over the settings of processes that run no system checks."""

from __future__ import annotations

import sys
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from dataflow_site.checks import findings
from dataflow_site.logs.uncaught import log_uncaught


class DataflowSiteConfig(AppConfig):
    name = "dataflow_site"

    def ready(self) -> None:
        """:raises ImproperlyConfigured: a process that would serve has wrong settings"""
        user_logged_in.connect(_begin_session)
        if settings.DATAFLOW_LOG_FORMAT == "json":
            log_uncaught()
        # uvicorn runs no checks; the commands of manage.py do.
        if Path(sys.argv[0]).name != "manage.py":
            findings.refuse_errors(findings.collect())


def _begin_session(request: HttpRequest | None = None, **_: object) -> None:
    if request is not None and hasattr(request.session, "begin"):
        request.session.begin()
