"""ASGI entry of the ingest process."""

from __future__ import annotations

import os

import django

from ingestion.application import application

# Naming the settings is the one thing that must happen before they can be read.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")  # noqa: TID251
django.setup()

__all__ = ["application"]
