"""Orders the tests of a parallel run. The fixtures `servers`, `site` and `module_site` are in deploy/testing/plugin.py.

That plugin is loaded by `-p` in pyproject.toml: it has to set the environment before Django reads its settings, and a
`conftest.py` is read too late for that.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

FAULT = 10  # times the duration of another test with servers


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start a parallel run with the files that take longest, so that all workers end at about the same time."""
    if not hasattr(config, "workerinput"):
        return
    durations: Counter[Path] = Counter()
    for item in items:
        if item.get_closest_marker("services"):
            durations[item.path] += FAULT if item.get_closest_marker("sample") else 1
    # The sort is stable, so the tests of a file stay in their order.
    items.sort(key=lambda item: (-durations[item.path], item.path))
