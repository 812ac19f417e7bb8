"""Ends a process that begins with wrong settings as every command ends: one sentence, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured


@contextmanager
def or_end() -> Iterator[None]:
    """Exit with 2 if a setting is wrong. uvicorn would show where in the code it was noticed."""
    try:
        yield
    except ImproperlyConfigured as error:
        sys.stderr.write(f"A setting is wrong: {error}\n")
        sys.exit(2)
