"""Seeds, and a world that is passed from test to test until it is full or spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from deploy.testing.plugin import OpenDeployment
from processing.tests import fault_seeds

pytest.register_assert_rewrite(
    *(f"processing.tests.faults.{name}" for name in ("loss_report", "fault_deployment", "logic_report"))
)

from processing.tests.faults.fault_deployment import World  # noqa: E402 - after the line above, which is about it

SEEDS = range(1, 6)
HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    fault_seeds.parametrize(metafunc, SEEDS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` runs the first seed of what is marked as a sample; `make faults` runs everything here."""
    fault_seeds.mark(items, HERE, first=SEEDS[0], marks=["services"])


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> Random:
    return fault_seeds.chance(request, seed)


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
