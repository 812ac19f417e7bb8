"""Runs all checks, for processes that run no system checks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.checks import ERROR, CheckMessage
from django.core.exceptions import ImproperlyConfigured

from dataflow_site.checks.connections import connections
from dataflow_site.checks.limits import limits, ports
from dataflow_site.checks.names import known_names
from dataflow_site.checks.security import addresses, production
from dataflow_site.checks.servers import servers, traces

Check = Callable[[None], list[CheckMessage]]

CHECKS: tuple[Check, ...] = (ports, limits, servers, traces, connections, addresses, known_names, production)


def collect(*more: Check) -> list[CheckMessage]:
    """Run the checks that are for every process, and more."""
    return [finding for check in (*CHECKS, *more) for finding in check(None)]


def errors(found: list[CheckMessage]) -> list[str]:
    """Return what is wrong and what helps, of each finding that no process may start with."""
    return [f"{finding.msg} {finding.hint}" for finding in found if finding.level >= ERROR]


def refuse_errors(found: list[CheckMessage]) -> None:
    """Log warnings.

    :raises ImproperlyConfigured: some are errors
    """
    if wrong := errors(found):
        raise ImproperlyConfigured(" ".join(wrong))
    logger = logging.getLogger(__name__)
    for finding in found:
        level = max(finding.level, logging.WARNING)
        logger.log(level, finding.msg, extra={"id": finding.id, "hint": finding.hint})
