"""No process of the product writes a file outside the folder for temporary ones, or memory that it then runs.

So its containers are read-only, and its units have ProtectSystem=strict and MemoryDenyWriteExecute.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests.client import event, post

pytestmark = pytest.mark.services

# Python runs it before the program: https://docs.python.org/3/library/site.html#module-sitecustomize
WATCH = r"""
import ctypes, os, sys

# PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN, since Linux 6.3: https://man7.org/linux/man-pages/man2/PR_SET_MDWE.2const.html
# What runs as code can't be written any more; whoever tries gets an error.
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NAMES = {"os.mkdir": 0, "os.remove": 0, "os.rename": 1, "os.rmdir": 0, "os.truncate": 0, "os.chmod": 0, "os.symlink": 1}

def watch(name, arguments):
    if name == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & WRITES:
        path = arguments[0]
    elif name in NAMES:
        path = arguments[NAMES[name]]
    else:
        return
    path = os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes)) else str(path)
    if not path.startswith(("/dev/", "/proc/", os.environ["WATCH_ALLOWS"] + os.sep)):
        os.write(2, f"WRITES {path}\n".encode())

sys.addaudithook(watch)
os.write(2, b"WATCHED\n")
"""


def test_no_process_writes_outside_the_folder_for_temporary_files(site: Deployment, tmp_path: Path) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(WATCH)
    env = {
        "PYTHONPATH": str(tmp_path / "hook"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WATCH_ALLOWS": tempfile.gettempdir() + "/nothing",
    }

    ingest, web = site.start_ingest(env), site.start_web(env)
    others = [site.start_consumer(env), site.start_grpc(env), site.start_jobs(env)]
    assert post(ingest.url, event()).status == 202
    for path in ("/", "/data?source_id=sensor-1", "/api/schema/", "/api/pipeline/", "/sign-in/", "/metrics"):
        with urllib.request.urlopen(web.url + path) as answer:
            assert answer.status == 200
    site.stop_processes()

    logs = {process.name: process.log for process in (ingest, web, *others)}
    assert {name: re.findall(r"WATCHED|WRITES .*", log) for name, log in logs.items()} == {
        name: ["WATCHED"] for name in logs
    }


def test_the_watch_sees_a_file_that_is_written(tmp_path: Path) -> None:

    (tmp_path / "sitecustomize.py").write_text(WATCH)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "WATCH_ALLOWS": "/nothing"}
    script = f"open({str(tmp_path / 'new')!r}, 'w').close()"

    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)

    assert f"WRITES {tmp_path / 'new'}" in done.stderr
