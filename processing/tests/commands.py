"""Runs management commands, for tests."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from typing import NamedTuple

import pytest
from django.core.management import ManagementUtility, call_command


class Output(NamedTuple):
    """What a command has written."""

    stdout: str
    stderr: str


def run_command(name: str, *arguments: str, stdin: str = "", code: int = 0) -> Output:
    """Run a command as manage.py does, in this process, since starting one costs seconds of CPU; `code` is its end."""
    out, err, ended = StringIO(), StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", TextIOWrapper(BytesIO(stdin.encode())))
        try:
            # The checks refuse the settings of tests.
            ManagementUtility(["manage.py", name, "--skip-checks", *arguments]).execute()
        except SystemExit as error:
            ended = int(error.code or 0)
    assert ended == code, out.getvalue() + err.getvalue()
    return Output(out.getvalue(), err.getvalue())


def run_json(name: str, *arguments: str) -> dict[str, object]:
    """Run a command with --json; return the object that it writes."""
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found
