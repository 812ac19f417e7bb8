"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The dashboard app."""

    name = "dashboard"
