"""The page about metrics, written from their definitions: `python -m deploy.metrics`."""

from __future__ import annotations
