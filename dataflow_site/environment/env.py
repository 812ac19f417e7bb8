"""The one place that reads the environment and `.env` (or the file that DATAFLOW_ENV_FILE names)."""

from __future__ import annotations

import builtins
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from dataflow_site.environment import dotenv

BASE_DIR = Path(__file__).resolve().parent.parent.parent
FILE = "DATAFLOW_ENV_FILE"
_TRUE, _FALSE = ("1", "true", "yes", "on", "y", "ok"), ("0", "false", "no", "off", "n")

Read = TypeVar("Read")


class Environment:
    """Reads variables, and remembers what was asked for, so that a misspelt one can be told from a known one."""

    def __init__(self) -> None:
        # By name, in the order of settings.py.
        self.defaults: dict[builtins.str, object] = {FILE: ".env"}
        self.lines: dict[builtins.str, builtins.int] = {}  # of the file, by the name that each sets
        self._loaded = False

    def load(self) -> None:
        """Add the file's settings to the environment, once. Variables already set win, so that a shell can override it.

        :raises ImproperlyConfigured: the file that was named is not there, or a line can't be read
        """
        if self._loaded:
            return
        path = file()
        try:
            found = dotenv.parse(path.read_bytes(), os.environ) if path else {}
        except OSError as error:
            named = f"{FILE} names {path}" if FILE in os.environ else path
            raise ImproperlyConfigured(f"{named}: {error.strerror}.") from error
        except dotenv.Unreadable as error:
            raise ImproperlyConfigured(f"{path}: {error}.") from error
        if FILE in found:
            raise ImproperlyConfigured(
                f"{path}: line {found[FILE].line}: {FILE} can't stand in a file; set it in the environment."
            )
        for name, setting in found.items():
            os.environ.setdefault(name, setting.value)
        self.lines = {name: setting.line for name, setting in found.items()}
        self._loaded = True

    def is_set(self, name: builtins.str) -> builtins.bool:
        """Return whether the environment or the file sets the variable, be it to nothing."""
        self.load()
        return name in os.environ

    def str(self, name: builtins.str, default: builtins.str) -> builtins.str:
        """Return a text as it stands."""
        return self._read(name, default, builtins.str, "a text")

    def bool(self, name: builtins.str, default: builtins.bool) -> builtins.bool:
        """:raises ImproperlyConfigured: neither a yes nor a no, such as a misspelt one, which would open what it closes"""
        return self._read(name, default, _bool, "1 or 0")

    def int(self, name: builtins.str, default: builtins.int) -> builtins.int:
        """:raises ImproperlyConfigured: no whole number"""
        return self._read(name, default, builtins.int, "a whole number")

    def float(self, name: builtins.str, default: builtins.float) -> builtins.float:
        """:raises ImproperlyConfigured: no finite number; a limit that is no number would never be reached"""
        return self._read(name, default, _float, "a number")

    def list(self, name: builtins.str, default: Sequence[builtins.str]) -> list[builtins.str]:
        """Return the items between commas, without the blanks around them."""
        return self._read(name, builtins.list(default), items, "a list")

    def _read(
        self, name: builtins.str, default: Read, convert: Callable[[builtins.str], Read], kind: builtins.str
    ) -> Read:
        self.defaults[name] = default
        if not self.is_set(name):
            return default
        try:
            return convert(os.environ[name])
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: expected {kind}, got {os.environ[name]!r}") from error


def items(text: str) -> list[str]:
    """Split a list at its commas; blanks around an item and empty items don't count."""
    return [item for item in (part.strip() for part in text.split(",")) if item]


def file() -> Path | None:
    """Return the file that is named, or `.env` if there is one: a folder of that name holds no settings."""
    named = os.environ.get(FILE)
    if named is not None:
        return Path(named)
    path = BASE_DIR / ".env"
    # A link to a file that is gone exists too.
    return path if os.path.lexists(path) and not path.is_dir() else None


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError
    return word in _TRUE


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError
    return number


env = Environment()
