"""Builds the image, or where there is no Docker all that it would hold: `make build`.

Without Docker, or with `--archive`, the archive `build/data-flow-engine.tar.gz` has what the image copies, for a server without
containers (docs/one-server.md); it is unpacked once and checked as a server's settings would have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from deploy.check import PRODUCTION

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = "data-flow-engine"
ARCHIVE = ROOT / "build" / f"{IMAGE}.tar.gz"
ASK = ("docker", "info")
BUILD = ("docker", "build", "--file", "deploy/docker/Dockerfile", "--tag", IMAGE, ".")
# What a process imports at its start, and what Django finds wrong.
IMPORTS = "import dataflow_site.asgi, ingestion.server, dataflow_site.urls"
CHECKS = (("-c", IMPORTS), ("manage.py", "check", "--deploy"))


def main() -> int:
    """Build, and return the exit code."""
    if "--archive" not in sys.argv[1:]:
        if docker_answers():
            return subprocess.run(BUILD, cwd=ROOT, check=False).returncode
        print("No Docker answers here, so no image is built: building and checking what it would hold.")
    pack(ARCHIVE)
    if problem := problem_of(ARCHIVE):
        print(f"{problem}\n{ARCHIVE.name} can't run.")
        return 1
    size = ARCHIVE.stat().st_size / 2**20
    print(f"{ARCHIVE.relative_to(ROOT)} ({size:.1f} MB) is built, and runs with the packages of requirements.txt.")
    return 0


def docker_answers() -> bool:
    """Return whether there is a Docker whose daemon answers."""
    try:
        return subprocess.run(ASK, capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def pack(archive: Path) -> None:
    """Write what the image copies into an archive, in a folder of the image's name."""
    archive.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, tarfile.open(archive, "w:gz") as written:
        copied = Path(temporary) / IMAGE
        copy(copied)
        written.add(copied, IMAGE, filter=_of_nobody)


def copy(target: Path) -> None:
    """Copy what the image copies: all but what `.dockerignore` names."""
    ignored = [line for line in (ROOT / ".dockerignore").read_text().split() if line]

    def left_out(folder: str, names: list[str]) -> set[str]:
        # Without a folder a pattern is about the top alone.
        patterns = [one.removeprefix("**/") for one in ignored if Path(folder) == ROOT or one.startswith("**/")]
        return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}

    shutil.copytree(ROOT, target, ignore=left_out)


def problem_of(archive: Path) -> str | None:
    """Unpack the archive, and return what keeps it from running on a server; None: nothing."""
    with tempfile.TemporaryDirectory() as temporary, tarfile.open(archive) as packed:
        packed.extractall(temporary, filter="data")
        for arguments in CHECKS:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=Path(temporary) / IMAGE,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                return done.stderr
    return None


def _environment() -> dict[str, str]:
    """Return the environment of a server: nothing that a developer or a browser test has set."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DATAFLOW_"))}
    return {**bare, **PRODUCTION, "DATAFLOW_ENV_FILE": os.devnull}


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


if __name__ == "__main__":
    sys.exit(main())
