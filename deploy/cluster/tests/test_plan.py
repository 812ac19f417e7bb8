"""What `make cluster` would start, without starting it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_site.environment import dotenv, local_ports
from deploy.cluster import run
from deploy.cluster.postgres_pair import Half, Pair
from deploy.cluster.run import make_plan
from deploy.local import ports
from deploy.local.run import CannotStart


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("POSTGRES_", "REDIS_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def test_every_member_and_process_has_a_port_that_make_run_does_not_use(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)

    members = [member.port for server in plan.ours for member in server.members]
    used = members + [port for _, port in plan.processes]
    assert len(members) == 3 + 2 + 3 + 1 + 1
    assert len(set(used)) == len(used)
    assert set(used).isdisjoint(local_ports.DEFAULTS.values())
    assert set(used).isdisjoint(ports.FREE_RANGE)  # which tests beside this one have
    assert [spec.name for spec, _ in plan.processes] == [
        *("ingest-1", "ingest-2", "consumer-1", "consumer-2", "consumer-3", "consumer-4", "jobs", "web"),
    ]


def test_other_shells_find_the_cluster_by_a_file_that_only_its_user_reads(tmp_path: Path) -> None:
    make_plan(tmp_path)

    path = tmp_path / run.SETTINGS_FILE
    found = {name: setting.value for name, setting in dotenv.parse(path.read_bytes(), {}).items()}
    assert path.stat().st_mode & 0o777 == 0o600
    assert found.items() <= os.environ.items()
    assert found["KAFKA_BOOTSTRAP_SERVERS"].count(",") == 2
    assert found["POSTGRES_PORT"] == "25432,25433"
    assert "w=majority&journal=true" in found["MONGO_URI"]


def test_a_port_that_is_taken_is_named_with_what_it_was_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((ports.HOST, 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(run, "ENTRY", port)

        with pytest.raises(CannotStart, match=f"^Port {port}, for nginx of the cluster, is already taken"):
            make_plan(tmp_path)


@pytest.mark.parametrize(
    ("standbys", "timelines", "expected"),
    [((), (1, 1), 0), ((1,), (1, 1), 0), ((0,), (2, 2), 1), ((), (1, 2), 1)],
    ids=["neither was a standby", "as at first", "after a failover", "after a failover without its end"],
)
def test_the_pair_starts_with_the_server_that_was_the_primary_last(
    tmp_path: Path, standbys: tuple[int, ...], timelines: tuple[int, int], expected: int
) -> None:
    pair = Pair(ports=(1, 2), folder=tmp_path, password="")
    for number, (half, timeline) in enumerate(zip(pair.members, timelines, strict=True)):
        _pretend(half, timeline, is_standby=number in standbys)

    assert pair.last_primary() is pair.members[expected]


def _pretend(half: Half, timeline: int, *, is_standby: bool) -> None:
    (half.data / "pg_wal").mkdir(parents=True)
    (half.data / "PG_VERSION").touch()
    if timeline > 1:
        (half.data / "pg_wal" / f"{timeline:08X}.history").touch()
    if is_standby:
        (half.data / "standby.signal").touch()
