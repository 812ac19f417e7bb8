"""Writes what `kubectl apply -k` would send, into deploy/kubernetes/rendered/: `make manifests`.

The files can be read, compared and applied without kustomize. Each begins with the checksum of what it was made from, so that a
check finds a stale one on a machine that has no kustomize either.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
OVERLAYS = ("dev", "production")
RULES = FOLDER / "overlays" / "production" / "rules.yaml"
# The first that is installed; the last one is built from the Go module proxy, which takes a minute.
TOOLS: Sequence[tuple[str, Sequence[str]]] = (
    ("kustomize", ("kustomize", "build")),
    ("kubectl", ("kubectl", "kustomize")),
    ("go", ("go", "run", "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1", "build")),
)
_HEAD = "# Made by `make manifests`; do not edit. SHA-256 of its sources: "


def main() -> int:
    """Write the files, or compare them (`--check`), and return the exit code."""
    if "--check" in sys.argv[1:]:
        found = [problem for overlay in OVERLAYS if (problem := stale(overlay))]
        print("\n".join(found) or f"The rendered manifests are those of {_source()}.")
        return 1 if found else 0
    command = tool(builds=True)
    if command is None:
        sys.exit("It needs kustomize, kubectl or go.")
    RULES.write_text(rules())
    for overlay in OVERLAYS:
        try:
            file(overlay).write_text(f"{_HEAD}{digest(overlay)}\n{build(overlay, command)}")
        except subprocess.CalledProcessError as error:
            sys.exit(f"{overlay}: {error.stderr.strip()}")
    return 0


def rules() -> str:
    """Return Prometheus' rules as the resource that its operator takes; kustomize reads no file outside its folders."""
    files = sorted((FOLDER.parent / "prometheus" / "rules").glob("*.yml"))
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "dataflow"},
        "spec": {"groups": [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]},
    }
    return f"# Made by `make manifests` of deploy/prometheus/rules; do not edit.\n{yaml.safe_dump(resource, sort_keys=False, width=130)}"


def file(overlay: str) -> Path:
    """Return the rendered file of an overlay."""
    return FOLDER / "rendered" / f"{overlay}.yaml"


def resources(overlay: str) -> list[dict[str, Any]]:
    """Return the rendered resources of an overlay."""
    return [one for one in yaml.safe_load_all(file(overlay).read_text()) if one]


def tool(*, builds: bool) -> Sequence[str] | None:
    """Return the command that renders a folder; None where there is none.

    :param builds: whether it may be built first
    """
    return next((command for name, command in TOOLS if (builds or name != "go") and shutil.which(name)), None)


def build(overlay: str, command: Sequence[str]) -> str:
    """Render an overlay.

    :raises subprocess.CalledProcessError: the sources are wrong; its `stderr` says where
    """
    folder = str(FOLDER / "overlays" / overlay)
    return subprocess.run([*command, folder], capture_output=True, text=True, check=True).stdout


def digest(overlay: str) -> str:
    """Return the checksum of all that an overlay is made from."""
    found = hashlib.sha256()
    for folder in (FOLDER / "base", FOLDER / "overlays" / overlay):
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            found.update(f"{path.relative_to(FOLDER)} {len(content)}\n".encode() + content)
    return found.hexdigest()


def stale(overlay: str) -> str | None:
    """Return what is wrong with the rendered file: of other sources, or other than what kustomize makes, where there is one."""
    if RULES.read_text() != rules():
        return f"{RULES.name}: made of other rules than there are; run `make manifests`"
    if not file(overlay).read_text().startswith(f"{_HEAD}{digest(overlay)}\n"):
        return f"{overlay}: made from other sources than there are; run `make manifests`"
    command = tool(builds=False)
    if command is None:
        return None
    try:
        made = [one for one in yaml.safe_load_all(build(overlay, command)) if one]
    except subprocess.CalledProcessError as error:
        return f"{overlay}: {error.stderr.strip()}"
    same = sorted(map(_sorted, made)) == sorted(map(_sorted, resources(overlay)))
    return None if same else f"{overlay}: {command[0]} makes other resources; run `make manifests`"


def _source() -> str:
    command = tool(builds=False)
    return command[0] if command else "their sources by checksum (neither kustomize nor kubectl is installed)"


def _sorted(resource: dict[str, Any]) -> str:
    return yaml.safe_dump(resource, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
