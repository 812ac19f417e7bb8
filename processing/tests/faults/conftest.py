"""Seeds, and a world that is passed from test to test until it is full or spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from deploy.testing.plugin import OpenDeployment

pytest.register_assert_rewrite(
    *(f"processing.tests.faults.{name}" for name in ("loss_report", "fault_deployment", "logic_report"))
)

from processing.tests.faults.fault_deployment import World  # noqa: E402 - after the line above, which is about it

SEEDS = range(1, 6)
HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` runs the first seed of what is marked as a sample; `make faults` runs everything here."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.services)
        # A client that found no broker leaves a pair of sockets to the garbage collector, which may come in a later test.
        item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
        item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
        seed = (
            item.callspec.params.get("seed") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else 1
        )
        if seed != SEEDS[0] or item.get_closest_marker("sample") is None:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> Random:
    """Chance of this test and seed: the same each time, and no other's."""
    assert f"seed-{seed}" in request.node.name
    return Random(request.node.name)


class Worlds:
    """Gives the world, and a new one after it."""

    def __init__(self, open_deployment: OpenDeployment, folders: pytest.TempPathFactory) -> None:
        self._open_deployment = open_deployment
        self._folders = folders
        self._stack = ExitStack()
        self._world: World | None = None

    def give(self) -> World:
        if self._world is None or self._world.used_up:
            self.close()
            folder = self._folders.mktemp("faults")
            site = self._stack.enter_context(self._open_deployment(folder))
            self._world = World(site, folder, note=lambda _name, _value: None)
        return self._world

    def close(self) -> None:
        self._stack.close()
        self._world = None


@pytest.fixture(scope="package")
def _worlds(open_deployment: OpenDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    worlds = Worlds(open_deployment, tmp_path_factory)
    yield worlds
    worlds.close()


@pytest.fixture
def world(_worlds: Worlds, record_property: Callable[[str, object], None], seed: int) -> World:
    given = _worlds.give()
    given.note = record_property
    # Once for each fault, and with a seed that `make test` leaves out.
    given.reconciles = seed == SEEDS[1]
    given.site.servers.ensure_running()
    return given
