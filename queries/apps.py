"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class QueriesConfig(AppConfig):
    """The read API app."""

    name = "queries"
