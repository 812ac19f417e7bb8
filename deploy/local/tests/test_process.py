"""A child process that ends with its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.process import DidNotStart, Process
from deploy.local.processes import ROOT

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = Process(SLEEP, log=tmp_path / "log")
    yield process
    process.kill()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_is_stopped_tells_its_signal(sleeper: Process) -> None:
    assert sleeper.stop() == -signal.SIGTERM
    assert not sleeper.running


def test_a_frozen_process_does_nothing_and_goes_on_when_thawed(sleeper: Process) -> None:
    inside = psutil.Process(sleeper.pid)

    # A signal takes a moment to arrive.
    sleeper.freeze()
    until(lambda: inside.status() == psutil.STATUS_STOPPED)

    sleeper.thaw()
    until(lambda: inside.status() != psutil.STATUS_STOPPED)


def test_a_frozen_process_can_be_stopped(sleeper: Process) -> None:
    sleeper.freeze()

    assert sleeper.stop() == -signal.SIGTERM


def test_a_process_that_stopped_itself_can_be_stopped_too(sleeper: Process) -> None:
    inside = psutil.Process(sleeper.pid)
    inside.suspend()
    until(lambda: inside.status() == psutil.STATUS_STOPPED)

    assert sleeper.stop() == -signal.SIGTERM


def test_one_that_ends_before_it_is_ready_shows_its_log(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no disk')"], log=tmp_path / "log")

    with pytest.raises(DidNotStart, match=r"disk server ended with code 1:\nno disk"):
        process.await_ready(lambda: False, seconds=20, name="disk server")


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG exists on Linux only")
def test_a_process_does_not_outlive_the_one_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.local.process import Process; "
        f"child = Process({SLEEP!r}, log=Path({str(tmp_path / 'log')!r})); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = psutil.Process(int(starter.stdout.readline()))
        # The signal is set once the command has replaced the wrapper.
        while "die_with_parent.py" in " ".join(child.cmdline()):
            child.status()

        starter.kill()

    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []
