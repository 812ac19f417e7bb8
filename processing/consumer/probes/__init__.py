"""What probes and scrapers are told of a consumer process, and the watch on its loop. Knows no step of a batch."""

from __future__ import annotations
