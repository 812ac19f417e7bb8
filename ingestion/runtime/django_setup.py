"""Sets Django up where uvicorn loads an application: a wrong setting ends the process with a sentence, as in manage.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured


def or_end(set_up: Callable[[], None]) -> None:
    """Set up, or end the process with exit code 2."""
    try:
        set_up()
    except ImproperlyConfigured as error:
        _end(error)


def _end(error: ImproperlyConfigured) -> NoReturn:
    sys.stderr.write(f"A setting is wrong: {error}\n")
    sys.exit(2)
