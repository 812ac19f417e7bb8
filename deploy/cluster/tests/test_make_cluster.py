"""`make cluster`, started whole: with `make faults-cluster`, since it takes most of a minute."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from deploy.cluster import run
from deploy.local import ports, processes
from deploy.local.process import Process
from deploy.testing.deployment import Deployment
from ingestion.tests.client import call, event, post

START = 240  # seconds, on a machine that is busy with other tests

pytestmark = [pytest.mark.services, pytest.mark.cluster, pytest.mark.faults]


def test_the_cluster_starts_takes_an_event_through_nginx_and_ends_whole_by_a_signal(
    site: Deployment, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "deploy.cluster.run", str(tmp_path / "var")]
    launcher = Process(command, log=tmp_path / "log", cwd=processes.ROOT)
    entry = f"http://{ports.HOST}:{run.ENTRY}"
    try:
        launcher.await_ready(lambda: "Ctrl-C stops everything" in launcher.log, seconds=START, name="make cluster")
        family = psutil.Process(launcher.pid).children(recursive=True)
        assert post(entry, event()).status == 202
        site.wait_for(lambda: call(entry, "GET", "/data").json["results"])
    finally:
        code = launcher.stop(90)

    assert code == 0
    assert not any(process.is_running() for process in family)
    # None had to be killed: a primary whose standby ends first would wait for it.
    for log in (tmp_path / "var" / "postgres").glob("server-*/server.log"):
        assert "database system is shut down" in log.read_text()
