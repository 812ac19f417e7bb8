"""Writes the bill of materials of what production installs: every package of `requirements.txt` with its hashes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from dataflow_site.version import VERSION
from deploy.packages.requirements import ROOT

TARGET = ROOT / "var" / "sbom.json"
NAME = "data-flow-engine"


def main() -> int:
    """Write the file and print where it is."""
    TARGET.parent.mkdir(exist_ok=True)
    made = bill(ROOT / "requirements.txt")
    TARGET.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    print(f"{TARGET.relative_to(ROOT)}: {NAME} {VERSION} with {len(made['components'])} packages (CycloneDX)")
    return 0


def bill(requirements: Path) -> dict[str, Any]:
    """Return the bill of a file of pinned packages, which is the same each time; nothing is asked for over the network."""
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder) / "pyproject.toml"
        about.write_text(f'[project]\nname = "{NAME}"\nversion = "{VERSION}"\nlicense = {{ text = "MIT" }}\n')
        words = ["--pyproject", str(about), "--output-reproducible", "--of", "JSON", "-o", "-"]
        command = [sys.executable, "-m", "cyclonedx_py", "requirements", *words, str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


if __name__ == "__main__":
    sys.exit(main())
