"""The addresses of the API whose views check the key of an operator themselves."""

from __future__ import annotations

import re

_PATHS = re.compile(r"/api/((keys|logic|replays|config)(/|$)|pipeline/partitions/|sources/[^/]+/schema/infer/?$)")


def includes(path: str) -> bool:
    """Return whether neither a session nor the scope `read` is asked for at an address."""
    return _PATHS.match(path) is not None
