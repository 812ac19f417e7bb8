"""Creates `.venv`, installs changed requirements into it, and becomes a command in it; standard library only.

`python3 -m deploy.local.bootstrap requirements.txt … -- -m deploy.local.run`
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def main() -> None:
    """Create or update `.venv` and become the command in it."""
    _check_python()
    split = sys.argv.index("--")
    requirements, command = sys.argv[1:split], sys.argv[split + 1 :]
    _make_environment()
    _install(requirements)
    python = str(VENV / "bin" / "python")
    os.chdir(ROOT)
    # The command replaces this process, so that Ctrl-C and SIGTERM reach it.
    os.execv(python, [python, *command])  # noqa: S606


def _check_python() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"Python 3.11 or newer is needed; `{sys.executable}` is {found}. Name another: make PYTHON=python3.11 …"
        )
    if importlib.util.find_spec("ensurepip") is None and not VENV.exists():
        sys.exit("This Python can't make virtual environments. On Debian or Ubuntu: `apt-get install python3-venv`.")


def _make_environment() -> None:
    if (VENV / "bin" / "pip").exists():
        return
    print("Making .venv", flush=True)
    venv.create(VENV, with_pip=True, clear=True)


def _install(names: list[str]) -> None:
    stamp = VENV / f".installed-{'-'.join(name.removesuffix('.txt') for name in names)}"
    wanted = _digest([ROOT / name for name in names])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {', '.join(names)}", flush=True)
    options = [word for name in names for word in ("-r", name)]
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    if _show_downloads([*command, *options]) != 0:
        sys.exit(
            "The packages could not be installed (see above). Where a local server has no package for this platform: "
            "`docker compose up` runs the same product."
        )
    stamp.write_text(wanted)


def _show_downloads(command: list[str]) -> int:
    """Run pip, print its lines about downloads and errors, and return its exit code."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            if line.lstrip().startswith(("Downloading", "Installing", "ERROR", "WARNING", "error")):
                print(f"  {line.strip()[:110]}", flush=True)
    return pip.returncode


def _digest(files: list[Path]) -> str:
    """Return a hash of the files and of those that they include with `-r`."""
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        content = file.read_text()
        digest.update(content.encode())
        nested = [ROOT / line.split()[1] for line in content.splitlines() if line.startswith("-r ")]
        digest.update(_digest(nested).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
