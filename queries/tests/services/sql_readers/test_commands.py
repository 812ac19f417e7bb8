"""`manage.py create_reader`, `list_readers` and `drop_reader`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command

from deploy.testing.deployment import Deployment
from processing.models import ReaderSource
from queries.sql_readers.address import address
from queries.tests.services.sql_readers import readers

pytestmark = pytest.mark.services


def test_a_reader_is_made_listed_and_dropped(site: Deployment) -> None:
    name = readers.name_of(site, "lab")
    told, errors = StringIO(), StringIO()

    call_command("create_reader", name, source=["b*", "a", "bc", "b*"], stdout=told, stderr=errors)
    parts = urlsplit(told.getvalue().strip())
    session = readers.connect(told.getvalue().strip())

    assert (parts.username, parts.hostname, parts.port, parts.path) == (
        f"reader_{name}",
        "127.0.0.1",
        site.servers.postgres.port,
        f"/{site.name}",
    )
    assert "temporary tables" in errors.getvalue()
    assert "advisory locks" in errors.getvalue()
    assert readers.listed() == [
        {"role": f"reader_{name}", "sources": ["a", "b*"], "connections": 5, "statementTimeout": "30s", "trouble": None}
    ]
    assert readers.run("list_readers") == f"reader_{name}  a b*  5 connections, 30s a statement"

    assert readers.run("drop_reader", name) == f"The role reader_{name} is dropped."

    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        readers.connect(told.getvalue().strip())
    assert readers.roles_of(site) == []
    assert not ReaderSource.objects.exists()
    assert readers.run("list_readers") == "There is no reader."


def test_the_password_is_in_no_log_and_no_table(site: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    log = Path(site.servers.postgres.folder)
    with site.servers.postgres.connect("postgres") as admin:
        admin.execute("ALTER SYSTEM SET log_statement = 'all'")
        admin.execute("SELECT pg_reload_conf()")
    try:
        made = readers.create(readers.name_of(site, "secret"))
    finally:
        with site.servers.postgres.connect("postgres") as admin:
            admin.execute("ALTER SYSTEM RESET log_statement")
            admin.execute("SELECT pg_reload_conf()")

    password = unquote(urlsplit(made).password or "")
    logged = "".join(file.read_text(errors="replace") for file in log.glob("*.log"))
    assert len(password) >= 32
    assert "CREATE ROLE" in logged
    assert password not in logged
    assert password not in caplog.text
    with site.servers.postgres.connect("postgres") as admin:
        [verifier] = admin.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [f"reader_{readers.name_of(site, 'secret')}"]
        ).fetchone() or [""]
    assert verifier.startswith("SCRAM-SHA-256$")


def test_a_dry_run_changes_nothing(site: Deployment) -> None:
    name = readers.name_of(site, "dry")

    shape = json.loads(readers.run("create_reader", name, dry_run=True, as_json=True))
    nobody = readers.roles_of(site)
    readers.create(name)
    readers.run("drop_reader", name, dry_run=True)

    assert (shape["dryRun"], shape["role"], shape["dsn"]) == (True, f"reader_{name}", None)
    # It is all still there to be taken from everybody.
    assert len(shape["notes"]) == 2
    assert nobody == []
    assert [one["sources"] for one in readers.listed()] == [["*"]]


@pytest.mark.parametrize(
    ("host", "mode", "expected"),
    [
        ("one,two", "prefer", "postgresql://reader_{}:{}@one:5432,two:5432/a%20b"),
        ("::1", "verify-full", "postgresql://reader_{}:{}@[::1]:5432/a%20b?sslmode=verify-full"),
        ("/run/postgresql", "prefer", "postgresql://reader_{}:{}@%2Frun%2Fpostgresql:5432/a%20b"),
    ],
)
def test_the_address_is_one_that_libpq_reads(
    monkeypatch: pytest.MonkeyPatch, host: str, mode: str, expected: str
) -> None:
    for name, value in {"HOST": host, "PORT": "5432", "NAME": "a b"}.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)
    monkeypatch.setitem(settings.POSTGRES_TLS, "sslmode", mode)

    found = address("reader_x", "p-_w")

    assert found == expected.format("x", "p-_w")
    parsed = psycopg.conninfo.conninfo_to_dict(found)
    assert (parsed["host"], parsed["dbname"]) == (host, "a b")
