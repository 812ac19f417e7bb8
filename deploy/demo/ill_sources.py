"""Runs the product's own demo beside the weather: sources that are well and ill, by `manage.py demo`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import processes

MINUTES = 120  # the longest that it takes
ENDS_WITHIN = 15.0  # seconds


@contextmanager
def running(address: str) -> Iterator[None]:
    """Send the events of these sources to a receiver while the block runs. Without PostgreSQL there are none of them."""
    command = [sys.executable, "manage.py", "demo", "start", "--minutes", str(MINUTES), "--address", address]
    process = subprocess.Popen(command, cwd=processes.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
