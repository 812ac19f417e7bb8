"""Runs management commands, for tests."""

from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command


def run_json(name: str, *arguments: str) -> dict[str, object]:
    """Run a command with --json; return the object that it writes."""
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found
