"""What probes and scrapers are told of a process over HTTP: its health, its readiness and its metrics. May import runtime."""

from __future__ import annotations
