"""`manage.py export`: the same bytes as over HTTP, in a file that is whole or not there."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment, close_pool
from processing.tests.commands import run_command
from queries.tests import many
from queries.tests.exported import exported, lines, parquet, table
from queries.tests.stored import account, series, store

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def _events(module_site: Deployment) -> None:
    store(*series(50), *series(5, source_id="sensor-2"), *series(5, source_id="other"))
    for source in ("sensor-1", "sensor-2", "other"):
        account(source)


def run(site: Deployment, *words: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a folder, in a process of its own."""
    command = [sys.executable, str(Path.cwd() / "manage.py"), "export", *words]
    return subprocess.run(command, env=site.env, cwd=folder, capture_output=True, check=False, timeout=60)


@pytest.mark.usefixtures("module_site")
def test_the_file_is_what_the_address_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--source", "sensor-*", "--filter", "field.temperature[gte]=1", "--order", "desc", "--start", "2009-01-01"]
    query = "source_id=sensor-*&field.temperature[gte]=1&order=desc&start_time=2009-01-01"

    for form, read in (("ndjson", lines), ("csv", table), ("parquet", parquet)):
        done = run_command("export", *words, "--format", form, "--output", f"events.{form}")
        assert done.stdout == ""
        assert read((tmp_path / f"events.{form}").read_bytes()) == read(exported(f"{query}&format={form}"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.csv", "events.ndjson", "events.parquet"]


def test_standard_output_takes_the_data_alone(module_site: Deployment, tmp_path: Path) -> None:
    done = run(module_site, "--source", "other", "--fields", "temperature", "--output", "-", folder=tmp_path)

    assert done.stdout == exported("source_id=other&fields=temperature")
    assert b"5 events" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--filter", "field.a"], "--filter: expected"),
        (["--filter", "field.a[gx]=1"], "in the brackets"),
        (["--start", "yesterday"], "start_time: expected a time"),
        (["--format", "csv", "--manifest"], "manifest: expected"),
        (["--filter", "field.a[gt]=1"], "needs a source_id"),
    ],
)
@pytest.mark.usefixtures("module_site")
def test_a_wrong_option_is_exit_code_2_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)

    done = run_command("export", *words, "--output", "events", code=2)

    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_stays_as_it_was_until_the_new_one_is_whole(module_site: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("before")
    module_site.servers.postgres.stop()
    try:
        done = run(module_site, "--output", "events", folder=tmp_path)
    finally:
        module_site.servers.postgres.start()
        connection.close()
        close_pool()

    assert (done.returncode, file.read_text()) == (2, "before")
    assert b"PostgreSQL does not answer" in done.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_two_exports_do_not_write_one_file(module_site: Deployment, tmp_path: Path) -> None:
    with (tmp_path / "events.part").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(module_site, "--output", "events", folder=tmp_path)

    assert done.returncode == 2
    assert b"another export writes this file" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["events.part"]


def test_stopping_it_removes_what_it_has_written(module_site: Deployment, tmp_path: Path) -> None:
    many.fill(30_000, sources=1)
    command = [sys.executable, str(Path.cwd() / "manage.py"), "export", "--output", "events"]
    with subprocess.Popen(command, env=module_site.env, cwd=tmp_path, stderr=subprocess.PIPE) as started:
        module_site.wait_for((tmp_path / "events.part").exists)
        started.send_signal(signal.SIGTERM)
        _, told = started.communicate(timeout=30)

    assert (started.returncode, b"Stopped. There is no file." in told) == (1, True)
    assert list(tmp_path.iterdir()) == []
