"""InfluxDB's write API: line protocol over HTTP."""

from __future__ import annotations
