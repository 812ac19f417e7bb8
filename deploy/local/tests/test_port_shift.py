"""Local ports are moved together, by a number that is set or found, and remembered in the folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from dataflow_site.environment import local_ports
from deploy.local import port_shift, ports

FREE = range(33_000, 45_000, 40)  # beyond what other tests reserve


@pytest.fixture(autouse=True)
def _unset() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        for name in (local_ports.NAME, "POSTGRES_HOST", *local_ports.DEFAULTS):
            os.environ.pop(name, None)
        yield


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return a default port that something listens on."""
    with closing(socket.create_server((ports.HOST, 0))) as occupant:
        port: int = occupant.getsockname()[1]
        monkeypatch.setattr(local_ports, "DEFAULTS", {"API_SERVICE_PORT": port, "MONGO_URI": port + 1})
        yield port


def chosen(var: Path) -> int:
    os.environ.pop(local_ports.NAME, None)
    port_shift.choose(var)
    return int(os.environ[local_ports.NAME])


def test_a_port_that_is_taken_moves_all_and_the_move_is_remembered(taken: int, tmp_path: Path) -> None:
    moved = chosen(tmp_path)

    assert moved > 0
    assert not ports.is_taken(taken + moved)
    assert not ports.reserve(taken + moved), "another launcher could choose the same"
    assert local_ports.remembered(tmp_path) == moved


def test_two_launchers_that_start_at_once_choose_different_ports(taken: int, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert chosen(tmp_path / "a") != chosen(tmp_path / "b")


def test_what_was_remembered_is_kept_while_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = next(port for port in FREE if not ports.is_taken(port))
    monkeypatch.setattr(local_ports, "DEFAULTS", {"API_SERVICE_PORT": free - 700})
    local_ports.remember(tmp_path, 700)

    assert chosen(tmp_path) == 700


def test_a_number_that_is_set_is_kept_and_remembered(taken: int, tmp_path: Path) -> None:
    os.environ[local_ports.NAME] = "+300"

    port_shift.choose(tmp_path)

    assert os.environ[local_ports.NAME] == "300"
    assert local_ports.remembered(tmp_path) == 300


def test_a_port_that_is_set_is_not_moved(taken: int, tmp_path: Path) -> None:
    os.environ["API_SERVICE_PORT"] = str(taken)

    assert list(local_ports.moved()) == ["MONGO_URI"]
    assert local_ports.port("API_SERVICE_PORT") == taken


def test_the_number_moves_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    os.environ |= {local_ports.NAME: "+100", "REDIS_ADDR": "cache:6379"}

    assert local_ports.port("API_SERVICE_PORT") == 8180
    assert local_ports.port("POSTGRES_PORT") == 15_532
    assert local_ports.address("MONGO_URI", "mongodb://127.0.0.1:{port}") == "mongodb://127.0.0.1:17117"
    assert local_ports.address("REDIS_ADDR", "127.0.0.1:{port}") == "cache:6379"

    os.environ["POSTGRES_HOST"] = "db.example.org"
    assert local_ports.port("POSTGRES_PORT") == 15_432


def test_commands_find_what_the_launcher_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ports, "VAR", tmp_path)
    assert local_ports.shift() == 0

    local_ports.remember(tmp_path, 200)

    assert local_ports.shift() == 200
    assert local_ports.port("INGESTION_SERVICE_PORT") == 8281


@pytest.mark.parametrize("text", ["", "x", "-100", "60000"])
def test_a_number_that_is_none_is_refused_where_it_stands(text: str, tmp_path: Path) -> None:
    (tmp_path / "local-ports").write_text(text)
    with pytest.raises(ImproperlyConfigured, match="local-ports holds no number"):
        local_ports.remembered(tmp_path)

    os.environ[local_ports.NAME] = text
    with pytest.raises(ImproperlyConfigured, match="DATAFLOW_LOCAL_PORTS: expected"):
        local_ports.shift()
