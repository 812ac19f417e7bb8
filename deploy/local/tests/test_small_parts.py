"""What the launcher is made of, piece by piece."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local import bootstrap, lock, ports
from deploy.local.console import Line, LogTail, table
from deploy.local.processes import ROOT
from deploy.local.servers.mongo import missing_libraries


def test_a_port_is_taken_while_somebody_listens() -> None:
    with closing(socket.create_server((ports.HOST, 0))) as listener:
        port = listener.getsockname()[1]
        assert ports.is_taken(port)

    assert not ports.is_taken(port)


def test_a_free_port_is_reserved_for_the_process_that_asked_for_it() -> None:
    port = ports.free_port()
    script = f"from deploy.local import ports; print(ports.reserve({port}), ports.reserve(ports.free_port()))"

    other = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert other.stdout == "False False\n"


def test_a_free_port_is_none_that_the_kernel_gives_to_clients() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(ports.free_port() < first for _ in range(20))


def test_the_libraries_that_mongod_lacks_are_named() -> None:
    loader = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    ldd = "\tlibcurl.so.4 => not found\n\tlibldap-2.5.so.0 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n"

    assert missing_libraries(loader + "\n" + ldd) == ["libcurl.so.4", "libldap-2.5.so.0"]


@pytest.mark.parametrize(("module", "code"), [("deploy.local.run", 2), ("deploy.demo", 1)])
def test_a_settings_file_that_cannot_be_read_is_one_sentence(module: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("DATAFLOW_DEBUG=0\nDATAFLOW_SECRET_KEY=$ecret\n")
    command = [sys.executable, "-m", module, *([str(tmp_path / "var")] if module == "deploy.local.run" else ["--once"])]
    env = {**os.environ, "DATAFLOW_ENV_FILE": str(file)}

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert done.stdout.startswith(f"A setting is wrong: {file}: line 2: ")
    assert done.stderr == ""


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with lock.take(tmp_path), pytest.raises(lock.AlreadyRunning, match="runs already"):
        lock.take(tmp_path)

    lock.take(tmp_path).close()


def test_the_table_is_aligned() -> None:
    lines = [Line("Kafka", "started", "127.0.0.1:19092", 1.44), Line("PostgreSQL", "given", "db:5432", None)]

    assert table(lines).splitlines() == [
        "part        state    address          took",
        "------------------------------------------",
        "Kafka       started  127.0.0.1:19092  1.4 s",
        "PostgreSQL  given    db:5432          -",
    ]


def test_a_log_is_shown_by_whole_lines_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "web.log"
    tail = LogTail("web", log)
    tail.show_new()

    log.write_text("one\ntw")
    tail.show_new()
    with log.open("a") as more:
        more.write("o\n")
    tail.show_new()

    assert capsys.readouterr().out.splitlines() == ["web        | one", "web        | two"]


def test_a_change_of_a_nested_requirements_file_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    (tmp_path / "dev.txt").write_text("-r base.txt\nruff==1\n")
    (tmp_path / "base.txt").write_text("django==5.2\n")
    before = bootstrap.digest([tmp_path / "dev.txt"])

    (tmp_path / "base.txt").write_text("django==5.2.1\n")

    assert bootstrap.digest([tmp_path / "dev.txt"]) != before
