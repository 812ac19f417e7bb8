"""Has systemd judge the units: whether they are right, and how much each may do. `python -m deploy.systemd.check`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
TOOL = "systemd-analyze"
# By `systemd-analyze security`, of 10: below 2 it says "OK". What is left is what a server on the network has to do.
MOST_EXPOSED = 1.5
# Programs that a unit names, and this machine lacks.
PROGRAMS = (
    "opt/dataflow/venv/bin/python",
    "opt/kafka/bin/kafka-storage.sh",
    "opt/kafka/bin/kafka-server-start.sh",
)
_OF_THE_SYSTEM = Path("usr/lib/systemd/system")
_OURS = Path("etc/systemd/system")


def main() -> int:
    """Print what is wrong and return the exit code."""
    if shutil.which(TOOL) is None:
        print("SKIPPED: systemd is not installed")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        root = lay_out(Path(temporary))
        found = [*complaints(root), *exposed(root)]
    print("\n".join(found) or f"Every unit is right, and none is exposed by more than {MOST_EXPOSED} of 10.")
    return 1 if found else 0


def units() -> list[str]:
    """Return the names of our units."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".service", ".target"})


def lay_out(root: Path) -> Path:
    """Lay the units out as a server has them, beside those of this system that they name."""
    shutil.copytree(Path("/") / _OF_THE_SYSTEM, root / _OF_THE_SYSTEM, symlinks=True)
    shutil.copytree(FOLDER, root / _OURS, ignore=shutil.ignore_patterns("*.py", "tests", "__pycache__"))
    for program in PROGRAMS:
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return root


def complaints(root: Path) -> list[str]:
    """Return what systemd says against the units: members that it does not know, values that it can't read."""
    done = subprocess.run([TOOL, "verify", f"--root={root}", *units()], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if any(unit in line for unit in (*units(), "10-shared.conf"))]


def exposed(root: Path) -> Iterator[str]:
    """Yield a sentence for each service that may do more than it needs."""
    for unit, exposure in exposures(root).items():
        if exposure > MOST_EXPOSED:
            yield f"{unit} is exposed by {exposure} of 10"


def exposures(root: Path) -> dict[str, float]:
    """Return how much each service may do, from 0 to 10."""
    return {unit: _exposure(root, unit) for unit in units() if unit.endswith(".service")}


def _exposure(root: Path, unit: str) -> float:
    command = [TOOL, "security", "--offline=yes", "--no-pager", f"--root={root}", unit]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    [exposure] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
    return float(exposure)


if __name__ == "__main__":
    sys.exit(main())
