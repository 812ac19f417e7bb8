"""What the tests of faults share: their seeds, and which of them `make test` runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest


def parametrize(metafunc: pytest.Metafunc, seeds: Iterable[int]) -> None:
    """Run a test that asks for a seed with each of them."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", seeds, ids=lambda seed: f"seed-{seed}")


def mark(items: Iterable[pytest.Item], folder: Path, *, first: int, marks: Iterable[str]) -> None:
    """Mark the tests of a folder, and as `faults` all but the first seed of what is marked as a sample."""
    for item in items:
        if folder not in item.path.parents:
            continue
        for name in marks:
            item.add_marker(name)
        # A client that found no broker leaves a pair of sockets to the garbage collector, which may come in a later test.
        item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
        item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
        if _seed(item, first) != first or item.get_closest_marker("sample") is None:
            item.add_marker(pytest.mark.faults)


def chance(request: pytest.FixtureRequest, seed: int) -> Random:
    """Return the chance of this test and seed: the same each time, and no other's."""
    assert f"seed-{seed}" in request.node.name
    return Random(request.node.name)


def _seed(item: pytest.Item, first: int) -> object:
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        return item.callspec.params.get("seed")
    return first
