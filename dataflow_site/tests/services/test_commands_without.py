"""Every command says in one sentence what to do where tables are missing or PostgreSQL is away."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from deploy.local.processes import ROOT
from deploy.testing.deployment import Deployment
from ingestion.management.command import MIGRATE

pytestmark = pytest.mark.services

# What each command needs to be asked for, to reach PostgreSQL.
WORDS: dict[str, list[str]] = {
    "apply_config": ["{file}"],
    "create_key": ["meter"],
    "create_reader": ["someone"],
    "demo": ["remove"],
    "drop_reader": ["someone"],
    "export": ["--output", "-"],
    "try_logic": ["--revision", "1"],
    "trace": [str(uuid4())],
}
LISTS = {"dead_letters", "failing_sources", "field_index", "keys", "logic", "lookup_table", "partitions"}
# They make what is missing, are about other servers, wait as workers do, or say what they know and what they do not.
OTHERWISE = {"migrate", "restore", "backup", "prepare_stores", "offsets", "replay", "pack"}
WORKERS = {"consume", "serve_grpc", "run_jobs"}
TELLS = {"doctor", "status", "version", "tail"}


def commands() -> list[str]:
    found = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    return sorted(found - {"__init__"} - OTHERWISE - WORKERS - TELLS)


@contextmanager
def elsewhere(**changed: str) -> Iterator[None]:
    """Let this process use another database or server."""
    before = dict(connection.settings_dict)
    options = {**before["OPTIONS"], "pool": {**before["OPTIONS"]["pool"], "timeout": 0.3}}
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
    connection.settings_dict.update({**changed, "OPTIONS": options})
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
        connection.settings_dict.update(before)


def said(tmp_path: Path) -> dict[str, tuple[int, str]]:
    """Return the exit code and the sentence of each command; of what raises something else, that."""
    (tmp_path / "config.json").write_text("{}")
    found: dict[str, tuple[int, str]] = {}
    for name in commands():
        words = ["list"] if name in LISTS else WORDS.get(name, [])
        told = io.StringIO()
        try:
            filled = [each.format(file=tmp_path / "config.json") for each in words]
            call_command(name, *filled, stdout=told, stderr=told, skip_checks=True)
            found[name] = (0, told.getvalue())
        except CommandError as error:
            found[name] = (error.returncode, str(error))
        except SystemExit as error:
            found[name] = (int(error.code or 0), told.getvalue())
        except Exception as error:  # noqa: BLE001 - which one is what the test asks for
            found[name] = (-1, repr(error))
    return found


def test_on_a_database_without_tables_every_command_says_to_migrate(module_site: Deployment, tmp_path: Path) -> None:
    with elsewhere(NAME="postgres"):
        found = said(tmp_path)

    assert {name: each for name, each in found.items() if each != (1, MIGRATE)} == {}


@pytest.mark.parametrize("changed", [{"PORT": "1"}, {"USER": "nobody"}], ids=["away", "another user"])
def test_without_postgresql_every_command_says_so_in_a_sentence(
    module_site: Deployment, tmp_path: Path, changed: dict[str, str]
) -> None:
    with elsewhere(**changed):
        found = said(tmp_path)

    wrong = {
        name: (code, text)
        for name, (code, text) in found.items()
        if code != 2
        or "PostgreSQL" not in text
        or "\n" in text.strip()
        or ("USER" in changed and "POSTGRES_USER" not in text)
    }
    assert wrong == {}
