"""The one place that reads the environment and `.env` (or the file that DATAFLOW_ENV_FILE names)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(environ.Env):  # type: ignore[misc]  # the package carries no types
    """Remembers what was asked for, so that a misspelt variable can be told from a known one."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: dict[str, object] = {}  # by name, in the order of settings.py

    def get_value(
        self, var: str, cast: Callable[..., object] | None = None, default: object = None, **rest: object
    ) -> object:
        """:raises ImproperlyConfigured: the variable's text is not of the kind that the setting needs"""
        self.defaults[var] = default
        try:
            return super().get_value(var, cast=cast, default=default, **rest)
        except ValueError as error:
            kind = {int: "a whole number", float: "a number"}.get(cast, "something else")  # type: ignore[call-overload]
            raise ImproperlyConfigured(f"{var}: expected {kind}, got {self.ENVIRON[var]!r}") from error


# That there is no `.env` is nothing to report.
logging.getLogger("environ").setLevel(logging.WARNING)
env = Environment()
# Variables already set win over the file, so that a shell can override it.
env.read_env(env.str("DATAFLOW_ENV_FILE", str(BASE_DIR / ".env")))
