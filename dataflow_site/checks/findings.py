"""Runs all checks, for processes that run no system checks."""

from __future__ import annotations

import logging

from django.core.checks import CheckMessage

from dataflow_site.checks.connections import connections
from dataflow_site.checks.limits import limits, ports
from dataflow_site.checks.names import known_names
from dataflow_site.checks.security import addresses, production
from dataflow_site.checks.servers import servers

CHECKS = (ports, limits, servers, connections, addresses, known_names, production)


def collect() -> list[CheckMessage]:
    """Run the checks of this room alone."""
    return [finding for check in CHECKS for finding in check(None)]


def log(finding: CheckMessage) -> None:
    logger = logging.getLogger(__name__)
    level = max(finding.level, logging.WARNING)
    logger.log(level, finding.msg, extra={"id": finding.id, "hint": finding.hint})
