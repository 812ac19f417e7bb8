"""The door for InfluxDB's clients: line protocol, with the checks, codes and keys of the HTTP door."""

from __future__ import annotations
