"""A backup is whole or not there, reveals nothing, and says what is in it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import bson
import pytest
import zstandard
from django.test import override_settings

from deploy.local.processes import ROOT
from deploy.local.servers.postgres import binary
from deploy.testing.deployment import Deployment
from deploy.testing.postgres_programs import run_program
from processing.backup.files import folder, manifest
from processing.tests import expectations
from processing.tests.commands import run_command, run_json
from processing.tests.services.backup.conftest import EVENTS, make_backup

pytestmark = pytest.mark.services


def test_the_manifest_has_the_positions_of_the_rows_and_the_sums_of_the_files(filled: Deployment, backup: Path) -> None:
    found = manifest.load(backup)

    positions = {one.partition: one.next_offset for one in found.positions}
    assert positions == expectations.progress(filled)
    assert (found.rows, found.documents) == (EVENTS, EVENTS)
    assert sorted(file.name for file in found.files) == ["documents.bson.zst", "rows.sql.zst", "settings.env"]
    assert {path.name for path in backup.iterdir()} == {*(file.name for file in found.files), "manifest.json"}
    assert all((path.stat().st_mode & 0o077) == 0 for path in [backup, *backup.iterdir()])


def test_sessions_are_left_out(backup: Path) -> None:
    script = unpacked(backup / "rows.sql.zst").decode()

    assert "CREATE TABLE public.django_session" in script
    assert "COPY public.auth_user" in script
    assert "COPY public.django_session" not in script


def test_both_files_are_read_by_other_programs(filled: Deployment, backup: Path) -> None:
    script, documents = (unpacked(backup / name) for name in ("rows.sql.zst", "documents.bson.zst"))
    server, copy = filled.servers.postgres, f"{filled.name}_by_hand"

    run_program(server, "createdb", copy)
    try:
        (backup / "rows.sql").write_bytes(script)
        words = ("--single-transaction", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={backup / 'rows.sql'}")
        run_program(server, "psql", *words, "--output=/dev/null", f"--dbname={copy}")
        with server.connect(copy) as connection:
            found = connection.execute("SELECT count(*) FROM events").fetchall()
    finally:
        run_program(server, "dropdb", copy)

    assert found == [(EVENTS,)]
    assert {one["source"] for one in bson.decode_all(documents)} == {"sensor-1"}
    assert len(bson.decode_all(documents)) == EVENTS


def unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        content: bytes = zstandard.ZstdDecompressor().stream_reader(file).read()
        return content


def test_only_the_newest_backups_are_kept_when_told(filled: Deployment, tmp_path: Path) -> None:
    for year in range(2001, 2004):
        (tmp_path / f"{year}-01-01T00-00-00Z").mkdir()
        (tmp_path / f"{year}-01-01T00-00-00Z" / manifest.NAME).write_text("{}")
    (tmp_path / "2000 something else").mkdir()

    found = run_json("backup", "--to", str(tmp_path), "--keep", "2")

    kept = folder.whole_ones(tmp_path)
    assert [path.name for path in kept] == ["2003-01-01T00-00-00Z", Path(str(found["path"])).name]
    assert (tmp_path / "2000 something else").exists()


def test_a_backup_that_is_killed_leaves_none_and_the_next_one_removes_what_it_left(
    filled: Deployment, tmp_path: Path
) -> None:
    # It can't go past this table, so it is killed with a part of its files.
    with filled.servers.postgres.connect(filled.name) as other, other.transaction():
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        process = start("backup", "--to", str(tmp_path), site=filled)
        filled.wait_for(lambda: list(tmp_path.glob(".partial-*/rows.sql.zst")), 30)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert "holds no whole backup" in run_command("restore", "--from", str(tmp_path), code=2).stderr

    path = make_backup(tmp_path)

    assert list(tmp_path.glob(".partial-*")) == []
    assert run_json("restore", "--from", str(path), "--verify")["ok"] is True


@pytest.mark.parametrize(
    "stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)], ids=lambda stop: stop.name
)
def test_a_backup_that_is_stopped_while_it_waits_ends_soon_and_leaves_nothing(
    filled: Deployment, tmp_path: Path, stop: signal.Signals
) -> None:
    with filled.servers.postgres.connect(filled.name) as other, other.transaction():
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        process = start("backup", "--to", str(tmp_path), site=filled)
        filled.wait_for(lambda: list(tmp_path.glob(".partial-*/rows.sql.zst")), 30)
        process.send_signal(stop)
        _, said = process.communicate(timeout=20)

    assert (process.returncode, said) == (1, "CommandError: Stopped; nothing was left.\n")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_disk_without_room_is_one_sentence_and_leaves_nothing(filled: Deployment, tmp_path: Path) -> None:
    # No file may have more than 4 KB.
    limited = f"ulimit -f 8 && exec {sys.executable} manage.py backup --to {tmp_path}"

    done = subprocess.run(
        ["sh", "-c", limited], cwd=ROOT, env=filled.env, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == f"CommandError: {tmp_path} can't be written: File too large; make room, or name another folder.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_can_not_be_made_is_one_sentence(filled: Deployment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = run_command("backup", "--to", str(tmp_path / "file"), code=2).stderr

    assert said == f"CommandError: {tmp_path / 'file'} can't be written: File exists; name another folder.\n"


def test_programs_that_are_missing_are_one_sentence_that_says_how_to_get_them(
    filled: Deployment, tmp_path: Path
) -> None:
    with override_settings(DATAFLOW_POSTGRES_PROGRAMS=str(tmp_path)):
        said = run_command("backup", "--to", str(tmp_path), code=2).stderr

    assert (
        "needs pg_dump and psql of version 18 or newer, and there are none here: install postgresql-client-18" in said
    )
    assert folder.whole_ones(tmp_path) == []


def test_programs_older_than_the_server_are_not_used(filled: Deployment, tmp_path: Path) -> None:
    for name in ("pg_dump", "psql"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.18 (Debian 15.18-1)'\n")
        (tmp_path / name).chmod(0o755)

    with override_settings(DATAFLOW_POSTGRES_PROGRAMS=str(tmp_path)):
        said = run_command("backup", "--to", str(tmp_path / "to"), code=2).stderr

    assert "those here are of version 15" in said


def test_a_named_folder_of_programs_is_used(filled: Deployment, tmp_path: Path) -> None:
    with override_settings(DATAFLOW_POSTGRES_PROGRAMS=str(binary("psql").parent)):
        assert run_json("backup", "--to", str(tmp_path))["rows"] == EVENTS


def test_a_store_that_is_down_is_one_sentence_and_no_password_is_shown(filled: Deployment, tmp_path: Path) -> None:
    with override_settings(MONGO_URI="mongodb://someone:c4nary@127.0.0.1:9/?serverSelectionTimeoutMS=300"):
        said = run_command("backup", "--to", str(tmp_path), code=2).stderr

    assert said.startswith("CommandError: Can't back up: MongoDB: ")
    assert len(said.splitlines()) == 1
    assert "c4nary" not in said
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def start(*words: str, site: Deployment) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=site.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_what_a_command_says_for_programs_is_json(filled: Deployment, tmp_path: Path) -> None:
    found = json.loads(run_command("backup", "--to", str(tmp_path), "--json").stdout)

    assert found["encrypted"] is False
    assert Path(found["path"]).is_dir()
