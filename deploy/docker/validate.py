"""Checks docker-compose.yml against the Compose Specification, and by docker compose itself where that is installed.

`python -m deploy.docker.validate`; the schema's origin is told in deploy/docker/compose-spec.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from jsonschema_rs import Draft7Validator

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "docker-compose.yml"
SCHEMA = Path(__file__).with_name("compose-spec.json")
ASK = ("docker", "compose", "version")
COMPOSE = ("docker", "compose", "--file", str(FILE), "--profile", "*", "config", "--quiet")


def main() -> int:
    """Print what is wrong and return the exit code."""
    found = problems(yaml.safe_load(FILE.read_text())) or complaints_of_compose()
    print("\n".join(found) or "docker-compose.yml is valid.")
    return 1 if found else 0


def problems(described: Mapping[str, object]) -> list[str]:
    """Return where a file breaks the specification, and how."""
    found = Draft7Validator(json.loads(SCHEMA.read_text())).iter_errors(described)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in found]


def complaints_of_compose() -> list[str]:
    """Return what docker compose says against the file; nothing where there is no compose. It needs no daemon."""
    try:
        subprocess.run(ASK, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    done = subprocess.run(COMPOSE, cwd=ROOT, capture_output=True, text=True, check=False)
    return [done.stderr.strip()] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
