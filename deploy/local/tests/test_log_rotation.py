"""Logs of processes that write without end stay small."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from deploy.local import log_rotation
from deploy.local.console import LogTail
from deploy.local.process import Process
from deploy.local.processes import WEB
from deploy.local.run import Runner

MOST = 100_000  # bytes
TALKATIVE = "import itertools\nfor n in itertools.count(): print(f'line {n:07}', flush=True)"


def test_a_process_goes_on_writing_to_a_log_that_stays_small(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    process = Process([sys.executable, "-c", TALKATIVE], log=log)
    rotations, largest = 0, 0
    try:
        deadline = time.monotonic() + 30
        while rotations < 5:
            assert time.monotonic() < deadline
            rotations += log_rotation.rotate(log, most=MOST)
            largest = max(largest, log.stat().st_size)
    finally:
        process.kill()

    # No hole where the removed lines were: the process appends.
    assert b"\0" not in log.read_bytes()
    assert log_rotation.old(log).stat().st_size <= MOST + largest
    # The copy may end within a line that is being written.
    *_, last, _ = log_rotation.old(log).read_text().split("\n")
    assert int(last.split()[1]) > 5 * MOST // 20


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("line\n")

    assert not log_rotation.rotate(log, most=MOST)
    assert log.read_text() == "line\n"
    assert not log_rotation.rotate(tmp_path / "absent.log", most=MOST)


def test_what_comes_after_a_rotation_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log_rotation.rotate, "__kwdefaults__", {"most": 10})
    runner = Runner(WEB, 0, tmp_path)
    assert isinstance(runner._tail, LogTail)
    for line in ("a line before\n", "a line after\n"):
        with (tmp_path / "web.log").open("a") as log:
            log.write(line)
        runner.show_log()

    assert [line.split("| ")[1] for line in capsys.readouterr().out.splitlines()] == ["a line before", "a line after"]
