"""The doctor finds what is broken, goes on where a server is down, and shows no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from django.core.management import call_command
from django.test import override_settings

from dataflow_site.doctor import examination, postgresql, report
from dataflow_site.doctor.findings import Finding, Level
from dataflow_site.tests.services.doctor.breaking import BREAKS, brokers_time, detached_month
from deploy.local.processes import ROOT
from deploy.testing import pgbouncer
from deploy.testing.certificates import Authority
from deploy.testing.deployment import Deployment
from deploy.testing.pgbouncer import needs_pgbouncer
from processing.tests import secured_servers, wrong_clock
from processing.tests.commands import run_command
from processing.tests.consumer_thread import running_loop
from processing.tests.wrong_clock import needs_faketime

pytestmark = pytest.mark.services

CHECKS = [check.name for group in report.GROUPS for check in group.checks]
CLOCKS = ["postgresql.clock", "mongodb.clock", "redis.clock"]


@pytest.fixture(autouse=True)
def laptop() -> Iterator[None]:
    """As `make run` has it; tests set it to production."""
    with override_settings(DEBUG=True):
        yield


@pytest.fixture(scope="module")
def prepared(module_site: Deployment) -> Deployment:
    call_command("prepare_stores", verbosity=0)
    brokers_time(module_site.raw_topic, module_site.processed_topic)
    return module_site


def doctor(*names: str) -> dict[str, list[Finding]]:
    """What the groups of these checks find, by check."""
    wanted = {name.partition(".")[0] for name in names}
    found: dict[str, list[Finding]] = {}
    for one in examination.examine([group for group in report.GROUPS if group.name in wanted]):
        found.setdefault(one.check, []).append(one)
    return found


def test_where_all_is_well_nothing_is_found(prepared: Deployment) -> None:
    with running_loop():
        prepared.wait_for(lambda: is_well(doctor("kafka")["kafka.consumers"]), 30)

        found = examination.examine(report.GROUPS)

    # The servers of tests run without.
    wrong = [one for one in found if one.said.level != Level.OK and one.check != "postgresql.durability"]
    assert wrong == []
    assert {one.check for one in found} == {
        *CHECKS,
        *(f"{group.name}.reachable" for group in report.GROUPS if group.is_server),
    }


def is_well(found: list[Finding]) -> bool:
    return report.is_well(found)


def test_every_check_has_a_way_to_break_it() -> None:
    assert sorted([*BREAKS, *CLOCKS, "postgresql.pooler"]) == sorted(CHECKS)


@pytest.mark.parametrize("name", [name for name in BREAKS if name != "postgresql.months"])
def test_what_is_broken_is_found_with_a_way_to_mend_it(prepared: Deployment, tmp_path: Path, name: str) -> None:
    broken, words = BREAKS[name]
    with broken(prepared, tmp_path):
        found = doctor(name)[name]

    assert any(words in one.said.text and one.said.mend for one in found), found
    if name not in ("kafka.consumers", "postgresql.durability"):
        assert is_well(doctor(name)[name])


def test_what_the_doctor_says_mends_a_month_and_an_index(prepared: Deployment, tmp_path: Path) -> None:
    broken_index, _ = BREAKS["postgresql.indexes"]
    with detached_month(prepared, tmp_path), broken_index(prepared, tmp_path):
        found = doctor("postgresql")
        with prepared.servers.postgres.connect(prepared.name) as connection:
            for name in ("postgresql.months", "postgresql.indexes"):
                [one] = found[name]
                assert one.said.level == Level.ERROR
                assert name != "postgresql.indexes" or "CONCURRENTLY" in one.said.mend
                connection.execute(one.said.mend.encode())

        found = doctor("postgresql")

    assert is_well(found["postgresql.months"])
    assert is_well(found["postgresql.indexes"])


@needs_pgbouncer
def test_a_pooler_in_transaction_mode_is_told(prepared: Deployment) -> None:
    with pgbouncer.between(prepared):
        [found] = doctor("postgresql")["postgresql.pooler"]

        with prepared.servers.postgres.connect(prepared.name) as connection:
            user = prepared.servers.postgres.user
            connection.execute(f"ALTER ROLE {user} IN DATABASE {prepared.name} SET statement_timeout = '5s'".encode())

    assert found.said.level == Level.WARNING
    assert "SET statement_timeout = '5s'" in found.said.mend


@needs_faketime
def test_a_clock_that_is_hours_off_is_told_of_every_server(prepared: Deployment) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", *(word for name in CLOCKS for word in ("--only", name.partition(".")[0]))],
        cwd=ROOT, env={**prepared.env, **wrong_clock.off_by("+3h")}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    found = {one["check"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert all(found[name]["level"] == "error" and "10,8" in found[name]["text"] for name in CLOCKS), found


def test_a_server_that_is_down_is_one_finding_and_the_others_are_looked_at(prepared: Deployment) -> None:
    with override_settings(MONGO_URI="mongodb://127.0.0.1:9", KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:9"]):
        found = doctor("kafka", "mongodb", "redis", "postgresql")

    for server in ("kafka", "mongodb"):
        assert [one.said.level for one in found[f"{server}.reachable"]] == [Level.ERROR]
        assert sum(name.startswith(server) for name in found) == 1
    assert is_well(found["redis.writes"])
    assert is_well(found["postgresql.version"])


def test_a_server_that_is_frozen_takes_its_time_and_no_longer(prepared: Deployment) -> None:
    prepared.servers.redis.freeze()
    try:
        found = examination.examine(
            [group for group in report.GROUPS if group.name in ("redis", "settings")], seconds=1
        )
    finally:
        prepared.servers.redis.thaw()

    assert [(one.check, one.said.level) for one in found][-1] == ("redis.reachable", Level.ERROR)
    assert "did not answer within 1 seconds" in found[-1].said.text


def test_a_table_that_is_missing_stops_no_other_check(prepared: Deployment) -> None:
    with prepared.servers.postgres.connect(prepared.name) as connection:
        connection.execute("ALTER TABLE incident RENAME TO elsewhere")
        found = doctor("pipeline")
        connection.execute("ALTER TABLE elsewhere RENAME TO incident")

    [incidents] = found["pipeline.incidents"]
    assert incidents.said.text == "Can't be looked at: UndefinedTable."
    assert is_well(found["pipeline.jobs"])


def test_no_secret_is_shown_wherever_it_stands(prepared: Deployment) -> None:
    secret = "c4nary/Zp:9%"
    env = {
        "DATAFLOW_SECRET_KEY": f"{secret}{secret}{secret}",
        "DATAFLOW_METRICS_KEY": f"{secret}-metrics",
        "POSTGRES_PASSWORD": secret,
        "REDIS_URL": f"redis://default:c4nary%2FZp@{prepared.servers.redis.address}/0",
        "MONGO_URI": f"mongodb://someone:c4nary%2FZp%3A9%25@127.0.0.1:{prepared.servers.mongo.port}/?authSource=admin",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": "someone",
        "KAFKA_SASL_PASSWORD": secret,
        "DATAFLOW_c4nary": "x",
    }

    for words in ((), ("--json",)):
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--seconds", "5", *words],
            cwd=ROOT, env={**prepared.env, **env}, capture_output=True, text=True, check=False,
        )  # fmt: skip

        shown = " ".join((done.stdout + done.stderr).split()).replace("DATAFLOW_c4nary", "")
        assert done.returncode == 1, done.stderr
        assert "c4nary" not in shown
        assert "mongodb.reachable" in shown
        assert "the user or password is refused: check POSTGRES_USER and POSTGRES_PASSWORD" in shown


def test_what_a_user_of_mongodb_may_not_do_is_named_and_its_certificate_looked_at(
    prepared: Deployment, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    user = f"{secured_servers.USER}:{quote_plus(secured_servers.PASSWORD)}"
    with (
        secured_servers.mongo(tmp_path, authority, role="readAnyDatabase") as port,
        override_settings(MONGO_URI=f"mongodb://{user}@127.0.0.1:{port}/?tls=true&tlsCAFile={authority.file}"),
    ):
        found = doctor("mongodb", "certificates")

    [rights] = found["mongodb.rights"]
    assert rights.said.text == "The user may not insert, update, remove, createCollection."
    [certificate] = found["certificates.servers"]
    assert f"The certificate of MongoDB at 127.0.0.1:{port} ends in 0 days" in certificate.said.text


def test_only_the_groups_that_are_named_are_looked_at(prepared: Deployment) -> None:
    shown = json.loads(run_command("doctor", "--json", "--only", "redis").stdout)

    assert shown["ok"] is True
    assert {one["check"].partition(".")[0] for one in shown["findings"]} == {"redis"}
    assert "invalid choice" in run_command("doctor", "--only", "oracle", code=2).stderr


def test_the_page_lists_every_check() -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith("| `")
    ]

    assert rows == [(f"`{check.name}`", check.right) for group in report.GROUPS for check in group.checks]
    assert postgresql.GROUP.checks
