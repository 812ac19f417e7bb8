"""Registers the app with Django and looks over the settings of processes that run no system checks."""

from __future__ import annotations

import sys
from pathlib import Path

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core.checks import ERROR
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from dataflow_site.checks import findings


class DataflowSiteConfig(AppConfig):
    name = "dataflow_site"

    def ready(self) -> None:
        """:raises ImproperlyConfigured: a process that would serve has wrong settings"""
        user_logged_in.connect(_begin_session)
        # uvicorn runs no checks; the commands of manage.py do.
        if Path(sys.argv[0]).name != "manage.py":
            _refuse_wrong_settings()


def _begin_session(request: HttpRequest | None = None, **_: object) -> None:
    if request is not None and hasattr(request.session, "begin"):
        request.session.begin()


def _refuse_wrong_settings() -> None:
    found = findings.collect()
    wrong = [f"{finding.msg} {finding.hint}" for finding in found if finding.level >= ERROR]
    if wrong:
        raise ImproperlyConfigured(" ".join(wrong))
    for finding in found:
        findings.log(finding)
