"""Takes secrets out of what is shown: a second line of defence, for texts that come from servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote_plus, urlsplit

from dataflow_site.environment.as_file import is_secret
from dataflow_site.environment.env import env

_SHORTEST = 6  # characters; a shorter one, or one that is a usual word here, would take other words out
_HIDDEN = "…"


def redact(text: str) -> str:
    """Return a text without the secrets of the settings."""
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _secrets() -> Iterator[str]:
    known = {str(default) for default in env.defaults.values()}
    for name in env.defaults:
        value = os.environ.get(name, "")
        if is_secret(name, value):
            yield from (part for part in _parts(value) if len(part) >= _SHORTEST and part not in known)


def _parts(value: str) -> Iterator[str]:
    yield value
    yield from (part.strip() for part in value.split(","))
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    if password:
        yield password
        yield unquote_plus(password)
