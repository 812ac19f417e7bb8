"""The launcher, on servers that were given to it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from deploy.check import PRODUCTION
from deploy.local import plan, ports, processes
from deploy.local.process import Process
from deploy.testing.deployment import Deployment

pytestmark = pytest.mark.services


AS_ON_A_SERVER = {**PRODUCTION, "DATAFLOW_ALLOWED_HOSTS": f"data.example.org,{ports.HOST}"}


class Run:
    """A launcher with a folder and ports of its own."""

    def __init__(self, site: Deployment, folder: Path, env: Mapping[str, str]) -> None:
        self.ports = {name: ports.free_port() for part in plan.PROCESSES for name in part.port_settings}
        self._env = {**site.env, **env, **{name: str(port) for name, port in self.ports.items()}}
        self._folder = folder
        self.process = self.another("first.log")

    def another(self, log: str) -> Process:
        command = [sys.executable, "-m", "deploy.local.run", str(self._folder / "var")]
        return Process(command, log=self._folder / log, env=self._env, cwd=processes.ROOT)

    def has_printed(self, text: str) -> bool:
        if not self.process.running:
            pytest.fail(self.process.log)
        return text in self.process.log

    def children(self) -> dict[str, psutil.Process]:
        """The product's processes by their names."""
        names = {
            "ingestion.asgi:application": "ingest",
            "dataflow_site.asgi:application": "web",
            "serve_grpc": "grpc",
            "consume": "consumer",
            "run_jobs": "jobs",
        }
        found = psutil.Process(self.process.pid).children()
        return {names[word]: child for child in found for word in child.cmdline() if word in names}


@pytest.fixture
def run(site: Deployment, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    launched = Run(site, tmp_path, getattr(request, "param", {}))
    try:
        site.wait_for(lambda: launched.has_printed("Ctrl-C stops everything"), seconds=240)
        yield launched
    finally:
        launched.process.stop(40)


def test_the_product_runs_once_in_a_folder_restarts_what_dies_and_ends_whole_by_a_signal(
    run: Run, site: Deployment
) -> None:
    assert all(part.is_ready(run.ports[part.port_setting]) for part in plan.PROCESSES)
    assert all(processes.is_healthy(run.ports[part.metrics_setting]) for part in plan.PROCESSES)
    assert "given" in run.process.log
    assert "the password `" in run.process.log
    assert len(run.children()) == len(plan.PROCESSES)

    second = run.another("second.log")
    site.wait_for(lambda: not second.running, seconds=60)
    assert second.exit_code == 1
    assert second.log == f"`make run` runs already in this folder (process {run.process.pid}).\n"

    consumer = run.children()["consumer"].pid
    os.kill(consumer, signal.SIGKILL)
    site.wait_for(lambda: run.has_printed("was ended by SIGKILL; starting it again in 1 s"), seconds=60)
    port = run.ports[processes.CONSUMER.port_setting]
    site.wait_for(lambda: processes.is_healthy(port), seconds=60)
    children = run.children()
    assert children["consumer"].pid != consumer

    assert run.process.stop(40) == 0
    assert not any(child.is_running() for child in children.values())


# That a child ends with its parent is held by test_process.py as well.
@pytest.mark.thorough
@pytest.mark.parametrize("run", [pytest.param(AS_ON_A_SERVER, id="as on a server")], indirect=True)
def test_nothing_is_left_of_a_launcher_that_is_killed(run: Run, site: Deployment) -> None:
    children = list(run.children().values())

    os.kill(run.process.pid, signal.SIGKILL)

    _, alive = psutil.wait_procs(children, timeout=40)
    assert alive == []


def test_a_port_that_is_taken_is_one_sentence(site: Deployment, tmp_path: Path) -> None:
    with closing(socket.create_server((ports.HOST, 0))) as occupant:
        taken = occupant.getsockname()[1]
        env = {**site.env, "API_SERVICE_PORT": str(taken)}
        launcher = Process(
            [sys.executable, "-m", "deploy.local.run", str(tmp_path / "var")],
            log=tmp_path / "run.log",
            env=env,
            cwd=processes.ROOT,
        )
        site.wait_for(lambda: not launcher.running, seconds=60)

    assert launcher.exit_code == 1
    assert f"Port {taken}, for web, is already taken" in launcher.log
    assert "Traceback" not in launcher.log
