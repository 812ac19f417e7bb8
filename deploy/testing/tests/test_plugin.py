"""The folder of the servers of a test session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.testing import plugin


def test_folders_of_killed_sessions_are_removed_and_others_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed, running, other = (
        tmp_path / f"dataflow-test-{name}" for name in (f"{ended.pid}-a", f"{os.getpid()}-b", "c")
    )
    for folder in (killed, running, other):
        (folder / "postgres").mkdir(parents=True)

    made = plugin.make_folder(tmp_path)

    assert set(tmp_path.iterdir()) == {running, other, made}
