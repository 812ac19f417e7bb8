"""Orders the tests of a parallel run. The fixtures `servers`, `site` and `module_site` are in deploy/testing/plugin.py.

That plugin is loaded by `-p` in pyproject.toml: it has to set the environment before Django reads its settings, and a
`conftest.py` is read too late for that.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start a parallel run with the files that have the most tests with servers, since these take longest."""
    if not hasattr(config, "workerinput"):
        return
    with_servers: Counter[Path] = Counter(item.path for item in items if item.get_closest_marker("services"))
    # The sort is stable, so the tests of a file stay in their order.
    items.sort(key=lambda item: (-with_servers[item.path], item.path))
