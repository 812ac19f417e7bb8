"""Checks configuration and rules with promtool: `python -m deploy.prometheus.check`."""

from __future__ import annotations

import shutil
import subprocess
import sys

from deploy.prometheus.expressions import FOLDER

CONFIGURATIONS = ("prometheus.yml", "compose.yml")


def main() -> int:
    """Run promtool where there is one, and return the exit code."""
    promtool = shutil.which("promtool")
    if promtool is None:
        print("SKIPPED: there is no promtool on this machine; Debian has it in the package prometheus")
        return 0
    command = [promtool, "check", "config", *CONFIGURATIONS]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
