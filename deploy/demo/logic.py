"""Applies the demo's logic to the product on this machine, as an operator would: `manage.py apply_config`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.local import processes

FILE = Path(__file__).with_name("logic.yaml")
TIMEOUT = 60.0  # seconds
REASON = "make demo"


class NotApplied(Exception):
    """The demo goes on without its logic. The text says why it was not applied."""


def apply() -> str:
    """Apply the logic; return what the command says of it. Doing it again changes nothing.

    :raises NotApplied: PostgreSQL can't be reached from here, or the site has logic that does not go with it
    """
    command = [sys.executable, "manage.py", "apply_config", str(FILE), "--reason", REASON]
    try:
        done = subprocess.run(command, cwd=processes.ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotApplied(f"manage.py apply_config took over {TIMEOUT:.0f} s") from error
    if done.returncode:
        raise NotApplied((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout.splitlines()[-1]
