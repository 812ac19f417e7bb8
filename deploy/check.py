"""Runs every check of the code and shows which failed: `make check`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANAGE = (sys.executable, "manage.py")
# Settings as on a server, for `check --deploy`.
PRODUCTION = {
    "DATAFLOW_DEBUG": "0",
    "DATAFLOW_SECRET_KEY": "a-secret-of-fifty-characters-and-more-that-protects-nothing-0123456789",
    "DATAFLOW_ALLOWED_HOSTS": "data.example.org",
    "DATAFLOW_TRUSTED_PROXIES": "127.0.0.1",
}
# Migrations are compared with the models only; no server is needed.
NO_SERVER = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1"}

CHECKS: dict[str, tuple[Sequence[str], dict[str, str]]] = {
    "style": (("ruff", "check"), {}),
    "format": (("ruff", "format", "--check"), {}),
    "types": (("mypy", "."), {}),
    "layers": (("lint-imports",), {}),
    "settings": ((*MANAGE, "check"), {}),
    "deployment": ((*MANAGE, "check", "--deploy", "--fail-level", "WARNING"), PRODUCTION),
    "packages": ((sys.executable, "-m", "deploy.packages", "--check"), {}),
    # Skipped where nobody can be asked.
    "holes": ((sys.executable, "-m", "deploy.packages.audit"), {}),
    "migrations": ((*MANAGE, "makemigrations", "--check", "--dry-run"), NO_SERVER),
}


def main() -> int:
    """Run every check and return the exit code."""
    failed = [name for name, (command, env) in CHECKS.items() if not passes(name, command, env)]
    print(f"Failed: {', '.join(failed)}" if failed else "Everything is in order.")
    return 1 if failed else 0


def passes(name: str, command: Sequence[str], env: dict[str, str]) -> bool:
    """Run one check, print its result, and return whether it passed."""
    begun = time.monotonic()
    tools = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # A developer's own `.env` must not change the result.
    clean = {"DATAFLOW_ENV_FILE": os.devnull, "PYTHONWARNINGS": "ignore:Got an error checking:RuntimeWarning"}
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **tools, **clean, **env}, capture_output=True, text=True, check=False
    )
    right = result.returncode == 0
    skipped = right and result.stdout.startswith("SKIPPED")
    word = "-" if skipped else "ok" if right else "WRONG"
    print(f"{name:<11} {word:<6} {time.monotonic() - begun:.1f} s", flush=True)
    if skipped or not right:
        print(result.stdout + result.stderr, flush=True)
    return right


if __name__ == "__main__":
    sys.exit(main())
