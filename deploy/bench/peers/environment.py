"""The peer's own virtual environment, made when it is asked for; the product's environment has none of its packages."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from deploy.local import bootstrap

REQUIREMENTS = "requirements-peers.txt"


def folder() -> Path:
    """Return the environment's folder in the user's cache: one for each version of the packages and of Python."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "dataflow" / f"peers-{bootstrap.digest([bootstrap.ROOT / REQUIREMENTS])[:16]}"


def ensure() -> Path:
    """Return the environment's Python. The first call installs the packages, in about half a minute."""
    # Standard output is for the table.
    with redirect_stdout(sys.stderr):
        return bootstrap.ensure([REQUIREMENTS], folder=folder())
