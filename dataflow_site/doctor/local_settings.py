"""The settings: what the system checks say of them, and who can read their file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import nullcontext

from django.conf import settings
from django.core.checks import ERROR, WARNING

from dataflow_site.checks import connections, findings
from dataflow_site.doctor.findings import Group, Said, error, warning
from dataflow_site.environment import env as environment

_LOCAL = ("127.0.0.1", "localhost", "::1", "")


GROUP: Group[None] = Group("settings", nullcontext, "Correct the settings.", is_server=False)


@GROUP.check("valid", "Every setting has a value that can work, secrets are strong, and no name is misspelt.")
def valid(_opened: None) -> Iterator[Said]:
    """Django's checks of the settings, and of the address of MongoDB."""
    for found in findings.collect(connections.mongodb):
        if found.level >= WARNING:
            say = error if found.level >= ERROR else warning
            yield say(found.msg, found.hint or "docs/settings.md")


@GROUP.check("file", "No other user can read the file of settings.")
def private(_opened: None) -> Iterator[Said]:
    """Its secrets are for the user that runs the product."""
    path = environment.file()
    if path is not None and path.is_file() and path.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP):
        yield warning(f"Other users can read {path}, which may hold secrets.", f"chmod 600 {path}")


@GROUP.check("debug", "Debugging is off, or the servers are on this machine.")
def debug(_opened: None) -> Iterator[Said]:
    """What a laptop may have and a server may not."""
    hosts = str(settings.DATABASES["default"]["HOST"]).split(",")
    if settings.DEBUG and not all(host in _LOCAL or host.startswith("/") for host in hosts):
        yield warning(
            "DATAFLOW_DEBUG is 1, while PostgreSQL is on another machine: whoever comes may send, read, and see errors.",
            "Set DATAFLOW_DEBUG=0, and what `manage.py doctor` then asks for.",
        )
