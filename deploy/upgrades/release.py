"""The release before, packed in this folder: what upgrades are tested from, wherever the history is not at hand.

`python -m deploy.upgrades.release 0.6.0 v0.6.0` packs a release from the history: its version, and its tag or commit.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from deploy.local.processes import ROOT

FOLDER = Path(__file__).resolve().parent / "releases"
# What its processes need; no pictures, pages' files and tests.
PARTS = ("manage.py", "templates", "ingestion", "processing", "queries", "dashboard", "dataflow_site")
LEFT_OUT = ("tests", "static")


def main() -> int:
    """Pack a release, in place of the one before it."""
    version, commit = sys.argv[1:]
    for former in FOLDER.glob("*.tar.xz"):
        former.unlink()
    target = FOLDER / f"{version}.tar.xz"
    pack(commit, target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")
    return 0


def pack(commit: str, target: Path) -> None:
    """Write the archive of a commit; the same each time."""
    command = ["git", "archive", "--format=tar", commit, *PARTS]
    whole = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    target.parent.mkdir(exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(whole)) as source, tarfile.open(target, "w:xz", preset=9) as packed:
        for member in source.getmembers():
            if member.isfile() and not set(Path(member.name).parts) & set(LEFT_OUT):
                packed.addfile(member, source.extractfile(member))


def before() -> Path:
    """Return the archive of the release before this one."""
    [found] = FOLDER.glob("*.tar.xz")
    return found


def unpack(folder: Path) -> str:
    """Unpack the release before into a folder, and return its version."""
    archive = before()
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return archive.name.removesuffix(".tar.xz")


if __name__ == "__main__":
    sys.exit(main())
