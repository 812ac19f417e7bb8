"""A fork is what a new process would be: its command, environment, streams, signals, exit code and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.processes import ROOT, ProcessSpec
from deploy.testing.deployment import ProductProcess
from deploy.testing.forks.client import Fork, ForkServer

SHOWS = """
import json, os, sys
print(json.dumps({
    "main": __name__, "arguments": sys.argv, "first": sys.path[0], "folder": os.getcwd(), "flag": os.environ.get("DATAFLOW_FLAG"),
    "files": sorted(os.listdir("/proc/self/fd")), "session": os.getsid(0) == os.getpid(), "input": sys.stdin.read(),
    "signals": open("/proc/self/status").read().split("SigBlk:")[1].split("SigCgt")[0], "names": sorted(os.environ),
    "own": [name for name in sys.modules if name.split(".")[0] in ("dataflow_site", "ingestion", "processing", "queries")],
}))
"""
SLEEPS = "import time; time.sleep(600)"
ENDS = {"returns": "", "exits": "raise SystemExit(3)", "fails": "raise ValueError('no disk')"}


@pytest.fixture(scope="module", name="forks")
def _forks() -> Iterator[ForkServer]:
    server = ForkServer(ROOT)
    yield server
    server.stop()


def start(forks: ForkServer | None, folder: Path, source: str, **env: str) -> ProductProcess:
    """Start a program: as a fork, or without a server as a new process."""
    program = folder / "program.py"
    # The one that was started before may be reading it.
    if not program.exists():
        program.write_text(source)
    spec = ProcessSpec("program", "API_SERVICE_PORT", (str(program), "--port", "{port}"))
    log = folder / f"{'fork' if forks else 'new'}.log"
    return ProductProcess(spec, port=8000, log=log, env={**os.environ, "PYTHONUNBUFFERED": "1", **env}, forks=forks)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(process: ProductProcess) -> int | None:
    until(lambda: not process.running)
    return process.exit_code


def is_fork(process: ProductProcess) -> bool:
    return "deploy.testing.forks.server" in psutil.Process(process.pid).cmdline()


def test_a_fork_finds_what_a_new_process_finds(forks: ForkServer, tmp_path: Path) -> None:
    processes = [start(each, tmp_path, SHOWS, DATAFLOW_FLAG="set") for each in (forks, None)]

    assert [ended(process) for process in processes] == [0, 0]
    fork, new = (json.loads(process.log) for process in processes)
    assert fork == new
    assert (fork["flag"], fork["own"]) == ("set", [])


@pytest.mark.parametrize("source", ENDS.values(), ids=ENDS)
def test_a_fork_ends_as_a_new_process_does(forks: ForkServer, tmp_path: Path, source: str) -> None:
    fork, new = (start(each, tmp_path, source) for each in (forks, None))

    assert ended(fork) == ended(new)
    assert fork.log.splitlines()[-1:] == new.log.splitlines()[-1:]


def test_a_fork_runs_what_was_left_for_its_end(forks: ForkServer, tmp_path: Path) -> None:
    fork = start(forks, tmp_path, "import atexit; atexit.register(print, 'left in order')")

    assert ended(fork) == 0
    assert fork.log == "left in order\n"


def test_a_fork_is_frozen_stopped_and_killed_like_any_process(forks: ForkServer, tmp_path: Path) -> None:
    frozen, killed = (start(forks, tmp_path, SLEEPS) for _ in range(2))
    assert is_fork(frozen)

    frozen.freeze()
    until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED)
    killed.kill()

    assert frozen.running
    assert frozen.stop() == -signal.SIGTERM
    assert killed.exit_code == -signal.SIGKILL


def test_a_fork_that_has_ended_without_a_report_yet_can_be_signalled(tmp_path: Path) -> None:
    process = start(None, tmp_path, "")
    assert ended(process) == 0
    report, unused = os.pipe()
    process._popen = Fork(process.pid, report)

    process.freeze()
    process.ask_to_stop()

    assert process.running
    os.close(report)
    os.close(unused)


def test_forks_end_with_their_server(tmp_path: Path) -> None:
    server = ForkServer(ROOT)
    fork = start(server, tmp_path, SLEEPS)
    inside = psutil.Process(fork.pid)

    server.stop()

    until(lambda: not inside.is_running() or inside.status() == psutil.STATUS_ZOMBIE)
    assert not fork.running


def test_a_variable_that_python_or_a_library_reads_as_it_starts_needs_a_new_process(
    forks: ForkServer, tmp_path: Path
) -> None:
    new = start(forks, tmp_path, SLEEPS, PYTHONHASHSEED="1")

    assert not is_fork(new)
    new.kill()


def test_the_packages_that_are_loaded_before_the_fork_read_no_settings_and_start_no_thread() -> None:
    script = (
        "import threading, sys, os; from deploy.testing.forks import server; from django.conf import settings; server.load();"
        "print(settings.configured, len(os.listdir('/proc/self/task')))"
    )

    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout == "False 1\n"
