"""`make build` without Docker: an archive of what the image holds, which runs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deploy.docker import build


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("build") / "data-flow-engine.tar.gz"
    build.pack(made)
    return made


def test_the_archive_holds_all_that_the_product_needs(archive: Path) -> None:
    assert build.problem_of(archive) is None


def test_the_archive_holds_nothing_of_a_developer(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        names = [name.partition("/")[2] for name in packed.getnames()]

    assert "manage.py" in names
    assert "requirements.txt" in names
    assert [name for name in names if name.startswith((".", "var", "deploy", "docs")) or "/tests" in name] == []


def test_an_archive_that_lacks_something_is_found(tmp_path: Path) -> None:
    whole, lacking = tmp_path / "whole", tmp_path / "lacking.tar.gz"
    build.copy(whole)
    (whole / "ingestion/server.py").unlink()
    with tarfile.open(lacking, "w:gz") as packed:
        packed.add(whole, build.IMAGE)

    assert "ingestion.server" in (build.problem_of(lacking) or "")


def test_without_docker_it_says_what_it_does_instead(tmp_path: Path) -> None:
    # No program of that name is on the path.
    done = subprocess.run(
        [sys.executable, "-c", "from deploy.docker import build; print(build.docker_answers())"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "False\n"
