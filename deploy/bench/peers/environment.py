"""The peer's own virtual environment, made when it is asked for; nothing is added to the product's environment."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

from deploy.local import bootstrap

REQUIREMENTS = "requirements-peers.txt"


def folder() -> Path:
    """Return the environment's folder in the user's cache: one for each version of the packages and of Python."""
    return bootstrap.user_cache(f"peers-{bootstrap.digest([bootstrap.ROOT / REQUIREMENTS])[:16]}")


def ensure() -> Path:
    """Return the environment's Python. The first call installs the packages, in about half a minute."""
    # Standard output is for the table.
    with redirect_stdout(sys.stderr):
        return bootstrap.ensure([REQUIREMENTS], folder=folder())
