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

from deploy.local.installation import quick_installer

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
PINS_OF_UV = "requirements-dev.txt"


def main() -> None:
    """Create or update `.venv` and become the command in it."""
    _check_python()
    split = sys.argv.index("--")
    requirements, command = sys.argv[1:split], sys.argv[split + 1 :]
    python = str(ensure(requirements))
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


def user_cache(name: str) -> Path:
    """Return a folder in the user's cache, which all checkouts share."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataflow" / name


def ensure(names: list[str], *, folder: Path = VENV) -> Path:
    """Create a virtual environment if it is missing, install requirements that changed, and return its Python."""
    _make_environment(folder)
    _install(names, folder)
    return folder / "bin" / "python"


def _make_environment(folder: Path) -> None:
    if (folder / "bin" / "pip").exists():
        return
    print(f"Making {folder.name}", flush=True)
    venv.create(folder, with_pip=True, clear=True)


def _install(names: list[str], folder: Path) -> None:
    stamp = folder / f".installed-{'-'.join(name.removesuffix('.txt') for name in names)}"
    wanted = digest([ROOT / name for name in names])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {', '.join(names)}", flush=True)
    options = [word for name in names for word in ("-r", name)]
    if not _install_quickly(options, folder) and _show_downloads(_pip(folder, options), dict(os.environ)) != 0:
        sys.exit(
            "The packages could not be installed (see above). Where a local server has no package for this platform: "
            "`docker compose up` runs the same product."
        )
    stamp.write_text(wanted)


def _install_quickly(options: list[str], folder: Path) -> bool:
    command = quick_installer.command(folder, ROOT / PINS_OF_UV)
    if command is None:
        return False
    if _show_downloads([*command, *options], quick_installer.environment(folder)) == 0:
        return True
    print("  uv could not do it; pip tries.", flush=True)
    return False


def _pip(folder: Path, options: list[str]) -> list[str]:
    return [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *options]


def _show_downloads(command: list[str], env: dict[str, str]) -> int:
    """Run pip or uv, print its lines about downloads and errors, and return its exit code."""
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installer:
        assert installer.stdout is not None
        for line in installer.stdout:
            if line.lstrip().startswith(("Downloading", "Installing", "ERROR", "WARNING", "error")):
                print(f"  {line.strip()[:110]}", flush=True)
    return installer.returncode


def digest(files: list[Path]) -> str:
    """Return a hash of the files and of those that they include with `-r`."""
    found = hashlib.sha256(sys.version.encode())
    for file in files:
        content = file.read_text()
        found.update(content.encode())
        nested = [ROOT / line.split()[1] for line in content.splitlines() if line.startswith("-r ")]
        found.update(digest(nested).encode())
    return found.hexdigest()


if __name__ == "__main__":
    main()
