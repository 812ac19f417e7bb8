"""What probes and scrapers are told of a consumer process. Knows no step of a batch."""

from __future__ import annotations
