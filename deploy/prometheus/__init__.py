"""The configuration of Prometheus: what it scrapes, recording and alert rules, and their tests."""

from __future__ import annotations
