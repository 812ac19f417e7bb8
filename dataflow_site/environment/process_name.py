"""Which process of the product this is, by its command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_APPLICATIONS = {"ingestion.asgi:application": "ingest", "dataflow_site.asgi:application": "web"}
_COMMANDS = {"consume": "consumer", "run_jobs": "jobs", "serve_grpc": "grpc", "runserver": "web"}


def process_name(arguments: Sequence[str]) -> str:
    """Return its name: of the product's processes, else that of the command.

    :param arguments: those of sys.argv
    """
    for word in arguments[1:]:
        if word in _APPLICATIONS:
            return _APPLICATIONS[word]
    program = Path(arguments[0]).name if arguments else ""
    if program == "manage.py" and len(arguments) > 1:
        return _COMMANDS.get(arguments[1], arguments[1])
    return program or "python"
