"""Writes the settings that are set as a file like `.env`, with or without the secrets among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from dataflow_site.environment.env import FILE, env

# A new setting whose name sounds like one is a secret until somebody says otherwise.
_SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|HEADERS|_KEY\b|_KEYS?$")
_NO_SECRET = ("DATAFLOW_NEW_SOURCES_PER_KEY", "DATAFLOW_KEY_BODY_BUDGET_BYTES", "DATAFLOW_IDEMPOTENCY_BYTES_PER_KEY")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"}
# A user and a password, or what a query may hold, in an address.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_secret(name: str, value: str) -> bool:
    """Return whether a setting's value lets its reader in somewhere. An address with `@` or `?` may."""
    if _ADDRESS.match(value) and ("@" in value or "?" in value):
        return True
    return bool(_SECRET.search(name)) and name not in _NO_SECRET and not name.endswith("_PER_KEY")


def as_file(*, secrets: bool) -> str:
    """Return the settings that the environment or the file sets, as a file.

    :param secrets: with those that are secret; otherwise only their names are there, in remarks
    """
    return "\n".join(_lines(secrets=secrets)) + "\n"


def _lines(*, secrets: bool) -> Iterator[str]:
    yield "# The settings of the deployment that was backed up; certificates and other files that they name are not here."
    for name in env.defaults:
        if name == FILE or not env.is_set(name):
            continue
        value = os.environ[name]
        if is_secret(name, value) and not secrets:
            yield f"# {name}= is set and left out: the backup is not encrypted."
        else:
            yield f"{name}={_quoted(value)}"


def _quoted(value: str) -> str:
    """Quote a value as dataflow_site.environment.dotenv reads it, where a backslash ends no single quotes."""
    if not set(value) & {"'", "\\", "\n", "\r"}:
        return f"'{value}'"
    escaped = "".join(_ESCAPED.get(character, character) for character in value)
    return f'"{escaped}"'
