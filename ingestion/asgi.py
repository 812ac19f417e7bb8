"""ASGI entry of the ingest process."""

from __future__ import annotations

import os

import django

from ingestion.runtime import start

# Naming the settings is the one thing that must happen before they can be read.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")  # noqa: TID251
with start.or_end():
    django.setup()

# This one has models, so it comes after Django's set-up.
from ingestion.server import application

__all__ = ["application"]
