"""Chooses how far the local ports are moved, so that `make run` in a second checkout finds free ones."""

from __future__ import annotations

import os
from pathlib import Path

from dataflow_site.environment import local_ports
from dataflow_site.environment.env import env
from deploy.local import ports
from deploy.local.console import say

STEP = 100
TRIES = 50  # checkouts on one machine


def choose(var: Path) -> None:
    """Set DATAFLOW_LOCAL_PORTS for this process and its children, and remember it in `var`.

    A number that is set is kept. Otherwise the remembered one is kept if its ports are free, and the next free one is
    taken if they are not. Call it before the settings are read.

    :raises ImproperlyConfigured: the settings file or the number can't be read
    """
    wanted = local_ports.shift() if env.is_set(local_ports.NAME) else _free(local_ports.remembered(var))
    os.environ[local_ports.NAME] = str(wanted)
    local_ports.remember(var, wanted)


def _free(first: int) -> int:
    """Return the first number whose ports are all free, and reserve them; `first` if there is none."""
    for number in (first, *(other for other in range(0, STEP * TRIES, STEP) if other != first)):
        if all(_take(port + number) for port in local_ports.moved().values()):
            if number != first:
                say("launcher", f"a port is taken, so all local ports are moved by {number} ({local_ports.NAME})")
            return number
    return first


def _take(port: int) -> bool:
    # Reserved, since another launcher that starts now sees its ports free as well.
    return not ports.is_taken(port) and ports.reserve(port)
