"""One cluster for all tests here, and a world on it that is passed from test to test until it is full or spoiled."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest
from pytest_django.plugin import DjangoDbBlocker

from deploy.cluster.servers import ClusterServers
from deploy.testing import plugin
from deploy.testing.forks.client import ForkServer
from processing.tests import fault_seeds

pytest.register_assert_rewrite(
    *(f"processing.tests.faults.{name}" for name in ("loss_report", "fault_deployment")),
    "processing.tests.cluster.cluster_deployment",
)

from processing.tests.cluster import cluster_deployment  # noqa: E402 - after the lines above, which are about it
from processing.tests.cluster.cluster_deployment import ClusterWorld  # noqa: E402 - as above

SEEDS = range(1, 4)
HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    fault_seeds.parametrize(metafunc, SEEDS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` runs the first seed of what is marked as a sample; `make faults-cluster` runs everything here."""
    fault_seeds.mark(items, HERE, first=SEEDS[0], marks=["services", "cluster"])


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> Random:
    return fault_seeds.chance(request, seed)


@pytest.fixture(scope="package")
def cluster() -> Iterator[ClusterServers]:
    """Return the cluster, started."""
    folder = plugin.make_folder(plugin.ram_disk() or Path(tempfile.gettempdir()))
    servers = cluster_deployment.make_servers(folder)
    try:
        servers.ensure_running()
        yield servers
    finally:
        # Brokers that end together wait for each other, and nobody needs their data any more.
        for member in servers.kafka.members:
            if member.running:
                member.kill()
        servers.stop()
        shutil.rmtree(folder)


class Worlds:
    """Gives the world, and a new one after it."""

    def __init__(self, cluster: ClusterServers, forks: ForkServer, folders: pytest.TempPathFactory) -> None:
        self._cluster = cluster
        self._forks = forks
        self._folders = folders
        self._stack = ExitStack()
        self._world: ClusterWorld | None = None

    def give(self) -> ClusterWorld:
        if self._world is None or self._world.used_up:
            self.close()
            self._world = self._stack.enter_context(self._opened())
        return self._world

    def close(self) -> None:
        self._stack.close()
        self._world = None

    @contextmanager
    def _opened(self) -> Iterator[ClusterWorld]:
        folder = self._folders.mktemp("cluster")
        with cluster_deployment.opened(self._cluster, self._forks, folder) as site:
            world = ClusterWorld(site, folder, note=lambda _name, _value: None)
            try:
                yield world
            finally:
                world.close()


@pytest.fixture(scope="package")
def _worlds(
    cluster: ClusterServers,
    forks: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Worlds]:
    worlds = Worlds(cluster, forks, tmp_path_factory)
    with django_db_blocker.unblock():
        yield worlds
        worlds.close()


@pytest.fixture
def world(
    cluster: ClusterServers,
    _worlds: Worlds,
    record_property: Callable[[str, object], None],
    seed: int,
    rng: Random,
) -> ClusterWorld:
    # After a test that failed.
    cluster.ensure_running()
    given = _worlds.give()
    given.note = record_property
    given.chance = Random(rng.random())
    given.reconciles = seed == SEEDS[-1]
    return given
