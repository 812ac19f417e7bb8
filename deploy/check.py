"""Runs every check of the code and shows which failed: `make check`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 2  # the types on one core, one after the other of the rest on another
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
    "types": (("mypy", "."), {}),
    "style": (("ruff", "check"), {}),
    "format": (("ruff", "format", "--check"), {}),
    "layers": (("lint-imports",), {}),
    "settings": ((*MANAGE, "check"), {}),
    "deployment": ((*MANAGE, "check", "--deploy", "--fail-level", "WARNING"), PRODUCTION),
    "metrics": ((sys.executable, "-m", "deploy.metrics", "--check"), NO_SERVER),
    "rules": ((sys.executable, "-m", "deploy.prometheus.check"), {}),
    "dashboards": ((sys.executable, "-m", "deploy.grafana", "--check"), {}),
    "packages": ((sys.executable, "-m", "deploy.packages", "--check"), {}),
    "sizes": ((sys.executable, "-m", "deploy.sizing", "--check"), {}),
    # Skipped where nobody can be asked.
    "holes": ((sys.executable, "-m", "deploy.packages.audit"), {}),
    "compose": ((sys.executable, "-m", "deploy.docker.validate"), {}),
    "manifests": ((sys.executable, "-m", "deploy.kubernetes.render", "--check"), {}),
    "kubernetes": ((sys.executable, "-m", "deploy.kubernetes.validate"), {}),
    # Skipped where systemd is not installed.
    "systemd": ((sys.executable, "-m", "deploy.systemd.check"), {}),
    "migrations": ((*MANAGE, "makemigrations", "--check", "--dry-run"), NO_SERVER),
}


def main() -> int:
    """Run every check and return the exit code."""
    # That of the types, which takes longer than all others together, begins first.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = pool.map(lambda name: passes(name, *CHECKS[name]), CHECKS)
        failed = [name for name, right in zip(CHECKS, passed, strict=True) if not right]
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
    said = f"\n{result.stdout}{result.stderr}\n" if skipped or not right else ""
    # In one piece, since another check may print at the same time.
    sys.stdout.write(f"{name:<11} {word:<6} {time.monotonic() - begun:.1f} s\n{said}")
    sys.stdout.flush()
    return right


if __name__ == "__main__":
    sys.exit(main())
