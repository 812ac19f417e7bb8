"""Looks up known holes in what `requirements.txt` pins, where the service that knows them can be reached."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from deploy.packages.requirements import ROOT, pins

PROBE_SECONDS = 10.0  # for one package; whoever is offline does not wait longer
AUDIT_SECONDS = 60.0
FILE = ROOT / "requirements.txt"
REQUIRED = "--required"  # on the command line: not to know is a failure


class Unreachable(Exception):
    """Nothing is known about the packages: the text says why."""


def main() -> int:
    """Print what is known, and return 1 if a hole is known that a newer version does not have; 2: it can't be known."""
    try:
        # One package first: without the service every other one would be waited for.
        look_up(_first(), seconds=PROBE_SECONDS)
        report = look_up(FILE.read_text(), seconds=AUDIT_SECONDS)
    except Unreachable as error:
        if REQUIRED in sys.argv[1:]:
            print(f"Not known: {error}. Run it where there is a network.")
            return 2
        print(f"SKIPPED: {error}")
        return 0
    holes = [line for package in report for line in described(package)]
    print("\n".join(holes) or f"No hole is known in {len(report)} packages.")
    return 1 if any("fixed in" in hole for hole in holes) else 0


def look_up(requirements: str, *, seconds: float) -> list[dict[str, Any]]:
    """Return what pip-audit knows about each package.

    :raises Unreachable: the service did not answer in time, or does not know a single package
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        # Without pip nothing is downloaded or built.
        words = ["--disable-pip", "--require-hashes", "--timeout", "5", "--progress-spinner", "off", "--format", "json"]
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"no answer about known holes within {seconds:.0f} s") from error
    return parsed(done.stdout)


def parsed(output: str) -> list[dict[str, Any]]:
    """Return the packages of a report that something is known about.

    :raises Unreachable: there are none
    """
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except ValueError:
        packages = []
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        raise Unreachable("no service that knows holes in packages can be reached")
    return known


def described(package: dict[str, Any]) -> list[str]:
    """Return a line for each known hole of a package."""
    name = f"{package['name']} {package['version']}"
    return [
        f"{name}: {hole['id']}, "
        + (f"fixed in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "not fixed")
        for hole in package["vulns"]
    ]


def _first() -> str:
    pin = next(pins(FILE.read_text()))
    hashes = " ".join(f"--hash={one}" for one in sorted(pin.hashes))
    return f"{pin.requirement.name}=={pin.version} {hashes}\n"


if __name__ == "__main__":
    sys.exit(main())
