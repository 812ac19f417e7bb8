"""Makes `requirements*.txt` of `requirements*.in`: `make requirements`, or with `--check` only compares them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement

from deploy.packages.requirements import NAMES, ROOT, findings, stamp

# Where the product runs and is developed. uv looks for versions that have packages for all of these.
PLATFORMS = ("linux", "darwin")
OLDEST, NEWEST = "3.11", "3.14"
ENVIRONMENTS = [
    f"platform_python_implementation == 'CPython' and sys_platform == '{platform}' and python_version <= '{NEWEST}'"
    for platform in PLATFORMS
]
VERSIONS = ("3.11.0", "3.11.3", "3.12.0", "3.13.0", "3.14.0")
HEAD = "# Made by `make requirements`; do not edit. Every package is compared with its hashes when it is installed.\n"


def main() -> int:
    """Compile all files, or compare them, and return the exit code."""
    if "--check" not in sys.argv[1:]:
        for name in NAMES:
            _compile(name)
    found = findings()
    print("\n".join(found) or "Every package is pinned with its hashes, as the .in files ask.")
    return 1 if found else 0


def _compile(name: str) -> None:
    target = ROOT / f"{name}.txt"
    before = [part for other in NAMES[: NAMES.index(name)] for part in ("--constraint", str(ROOT / f"{other}.txt"))]
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "made.txt"
        # What is pinned already stays, as far as it can.
        made.write_text(target.read_text() if target.exists() else "")
        (Path(temporary) / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = {ENVIRONMENTS!r}\n")
        words = [
            "--universal",
            "--python-version",
            OLDEST,
            "--generate-hashes",
            "--no-annotate",
            "--no-header",
            "--quiet",
        ]
        subprocess.run(
            ["uv", "pip", "compile", str(ROOT / f"{name}.in"), "-o", str(made), *words, *before, *_upgrades()],  # noqa: S607
            cwd=temporary,
            check=True,
        )
        target.write_text(f"{HEAD}{stamp(name, ROOT)}\n{without_markers(made.read_text())}")


def _upgrades() -> list[str]:
    """Return what was asked for on the command line: `--upgrade`, or `--upgrade-package NAME`."""
    return [word for word in sys.argv[1:] if word != "--check"]


def without_markers(text: str) -> str:
    """Drop the conditions that hold wherever the product runs, so that pip skips no package elsewhere in silence."""
    return "".join(_without_marker(line) for line in text.splitlines(keepends=True))


def _without_marker(line: str) -> str:
    if " ; " not in line or line.startswith((" ", "#")):
        return line
    marker = Requirement(line.rstrip("\\\n ")).marker
    assert marker is not None
    everywhere = all(marker.evaluate(environment) for environment in _environments())
    return f"{line.partition(' ; ')[0]} \\\n" if everywhere else line


def _environments() -> list[dict[str, str]]:
    return [
        {
            "python_full_version": version,
            "python_version": version.rpartition(".")[0],
            "sys_platform": platform,
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }
        for version, platform in product(VERSIONS, PLATFORMS)
    ]


if __name__ == "__main__":
    sys.exit(main())
