"""Dashboards for Grafana, written in Python: `python -m deploy.grafana` makes their JSON."""

from __future__ import annotations
