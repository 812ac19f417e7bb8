"""No other user of a machine gets into the servers that `make run` starts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from redis import Redis as Client
from redis.exceptions import AuthenticationError

from dataflow_site.environment import local_passwords
from dataflow_site.environment.local_passwords import POSTGRES, REDIS
from deploy.local import lock, ports
from deploy.local.servers.redis import Redis

PASSWORD = 'a "password" \\ of this test'


@pytest.fixture(autouse=True)
def _unset() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        for name in ("POSTGRES_HOST", "POSTGRES_PASSWORD", "REDIS_ADDR", "REDIS_PASSWORD"):
            os.environ.pop(name, None)
        yield


def chosen(var: Path) -> tuple[str, str]:
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        os.environ.pop(name, None)
    local_passwords.choose(var)
    return os.environ["POSTGRES_PASSWORD"], os.environ["REDIS_PASSWORD"]


def test_passwords_are_made_once_and_only_their_user_can_read_them(tmp_path: Path) -> None:
    first = chosen(tmp_path)

    assert chosen(tmp_path) == first
    assert len(set(first)) == 2
    assert all(len(password) == 48 for password in first)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_commands_beside_make_run_find_the_passwords(tmp_path: Path) -> None:
    made = chosen(tmp_path)
    del os.environ["POSTGRES_PASSWORD"], os.environ["REDIS_PASSWORD"]

    assert (POSTGRES.read(tmp_path), REDIS.read(tmp_path)) == made
    # A server that was given has another one.
    os.environ["REDIS_ADDR"] = "redis.example.org:6379"
    assert REDIS.read(tmp_path) == ""


def test_data_of_an_older_release_keeps_its_password(tmp_path: Path) -> None:
    (tmp_path / "postgres/data").mkdir(parents=True)
    (tmp_path / "postgres/data/PG_VERSION").write_text("18")

    assert chosen(tmp_path)[0] == "dataflow"


def test_a_password_that_is_set_is_kept_and_no_other_is_made(tmp_path: Path) -> None:
    os.environ |= {"POSTGRES_PASSWORD": "of mine", "REDIS_PASSWORD": "of mine, too"}

    local_passwords.choose(tmp_path)

    assert (POSTGRES.read(tmp_path), REDIS.read(tmp_path)) == ("of mine", "of mine, too")
    assert list(tmp_path.iterdir()) == []


def test_redis_refuses_who_has_no_password_and_does_not_show_it(tmp_path: Path) -> None:
    server = Redis(port=ports.free_port(), folder=tmp_path / "redis", password=PASSWORD)
    server.start()
    try:
        with pytest.raises(AuthenticationError):
            Client(host=ports.HOST, port=server.port).set("a", "b")
        assert Client(host=ports.HOST, port=server.port, password=PASSWORD).ping()
        assert b"of this test" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert stat.S_IMODE((tmp_path / "redis/redis.conf").stat().st_mode) == 0o600
    finally:
        server.stop()


def test_no_other_user_looks_into_the_folder_of_the_servers(tmp_path: Path) -> None:
    with lock.take(tmp_path / "var"):
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
