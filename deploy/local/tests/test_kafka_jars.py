"""What `make run` downloads is what was checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.servers import kafka_jars


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two jars, both listed."""
    folder = tmp_path / "kafka" / "jars"
    folder.mkdir(parents=True)
    for name in ("kafka_2.13.jar", "kafka-clients.jar"):
        (folder / name).write_bytes(name.encode())
    monkeypatch.setattr(kafka_jars, "CHECKSUMS", tmp_path / "jars.sha256")
    kafka_jars.CHECKSUMS.write_text("\n".join(kafka_jars.checksums(folder)))
    monkeypatch.setattr(kafka_jars, "cache_folder", lambda: folder.parent)
    return folder


def test_the_jars_that_were_checked_are_run(listed: Path) -> None:
    assert [jar.name for jar in kafka_jars.ensure()] == ["kafka-clients.jar", "kafka_2.13.jar"]


@pytest.mark.parametrize("kind", ["changed", "added", "missing"])
def test_no_jar_is_run_that_is_not_the_one_that_was_checked(listed: Path, kind: str) -> None:
    jar = listed / ("another.jar" if kind == "added" else "kafka-clients.jar")
    if kind == "missing":
        jar.unlink()
    else:
        jar.write_bytes(b"something else")

    with pytest.raises(kafka_jars.WrongJars, match=jar.name):
        kafka_jars.ensure()


def test_every_jar_of_this_version_has_a_checksum() -> None:
    lines = kafka_jars.CHECKSUMS.read_text().splitlines()

    assert any(line.endswith(f"  kafka-clients-{kafka_jars.VERSION}.jar") for line in lines)
    assert all(len(line.split()[0]) == 64 for line in lines)
