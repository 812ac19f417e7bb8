"""uv, which installs in a fifth of pip's time, as `requirements-dev.txt` pins it and with what pip is told of indexes."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

PINNED = re.compile(r"^uv==(?:.*\\\n)*.*$", re.MULTILINE)
# What uv is told in its own words, by pip's names for its settings.
TRANSLATED = {"index-url": "--index-url", "extra-index-url": "--extra-index-url", "find-links": "--find-links"}
# What makes no difference to where packages are looked for.
HARMLESS = {
    "cert",
    "timeout",
    "default-timeout",
    "retries",
    "disable-pip-version-check",
    "no-cache-dir",
    "cache-dir",
    "config-file",
    "root-user-action",
    "break-system-packages",
    "require-virtualenv",
    "no-input",
    "no-color",
    "progress-bar",
    "quiet",
}


def command(folder: Path, pins: Path) -> list[str] | None:
    """Return the command that installs with uv, which is installed itself if it is missing; None if pip has to do it.

    :param folder: the virtual environment
    :param pins: the file that pins uv
    """
    settings = pip_settings(folder)
    if not settings.keys() <= TRANSLATED.keys() | HARMLESS or not _has_uv(folder, pins):
        return None
    words = [
        word
        for name, option in TRANSLATED.items()
        for value in settings.get(name, "").split()
        for word in (option, value)
    ]
    # What one checkout does to its packages is no business of another: uv would link the files of its cache.
    return [
        *(str(folder / "bin" / "uv"), "pip", "install", "--python", str(folder / "bin" / "python")),
        *("--require-hashes", "--compile-bytecode", "--link-mode", "copy", *words),
    ]


def pip_settings(folder: Path) -> Mapping[str, str]:
    """Return how pip is configured, in files and in the environment, by the names of its options."""
    listed = subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ")
    return found


def environment(folder: Path) -> dict[str, str]:
    """Return the environment for uv: with the certificates that pip trusts."""
    trusted = pip_settings(folder).get("cert")
    return {**os.environ, **({"SSL_CERT_FILE": trusted} if trusted else {})}


def _has_uv(folder: Path, pins: Path) -> bool:
    pinned = PINNED.search(pins.read_text())
    assert pinned
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pinned[0])
        file.flush()
        words = ("install", "--quiet", "--disable-pip-version-check", "--only-binary", "uv", "-r", file.name)
        installed = subprocess.run(
            [str(folder / "bin" / "python"), "-m", "pip", *words], capture_output=True, check=False
        )
    return installed.returncode == 0
