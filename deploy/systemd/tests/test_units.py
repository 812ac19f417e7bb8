"""The units run what `make run` runs, and may do little else."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from dataflow_site.environment import local_ports
from deploy.local.processes import CONSUMER, GRPC, INGEST, JOBS, ROOT, WEB, ProcessSpec
from deploy.systemd import check

PARTS = {part.name: part for part in (INGEST, GRPC, CONSUMER, JOBS, WEB)}
PYTHON = "/opt/dataflow/venv/bin/python"
with_systemd = pytest.mark.skipif(shutil.which(check.TOOL) is None, reason="systemd is not installed")
SHARED = check.FOLDER / "dataflow-.service.d" / "10-shared.conf"


def lines(file: Path) -> list[tuple[str, str]]:
    """Return the members of a unit in their order; some stand in it several times."""
    return re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE)


def unit(name: str) -> dict[str, str]:
    return dict(lines(check.FOLDER / f"dataflow-{name}.service"))


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_unit_runs_what_a_laptop_runs_at_the_same_port(part: ProcessSpec) -> None:
    port = local_ports.DEFAULTS[part.port_setting]

    assert shlex.split(unit(part.name)["ExecStart"]) == part.server_command(port, python=PYTHON, host="127.0.0.1")


def test_what_needs_tables_waits_for_them_and_receivers_wait_for_nothing() -> None:
    requires = {name for name in PARTS if unit(name).get("Requires") == "dataflow-prepare.service"}

    assert requires == {"web", "consumer", "jobs"}
    prepare = lines(check.FOLDER / "dataflow-prepare.service")
    assert [value for name, value in prepare if name == "ExecStart"] == [
        f"{PYTHON} manage.py migrate",
        f"{PYTHON} manage.py prepare_stores",
    ]


@pytest.mark.parametrize("name", [*PARTS, "prepare"])
def test_every_unit_has_the_shared_members_by_its_name(name: str) -> None:
    # systemd reads `dataflow-.service.d` for every unit whose name begins with `dataflow-`.
    assert (check.FOLDER / f"dataflow-{name}.service").name.startswith(SHARED.parent.name.removesuffix(".service.d"))
    assert unit(name).keys().isdisjoint({"User", "Environment", "ProtectSystem"})


def test_settings_come_from_one_file() -> None:
    [environment] = [value for name, value in lines(SHARED) if name == "Environment"]

    assert dict(word.split("=") for word in environment.split()) == {
        "DATAFLOW_ENV_FILE": "/etc/dataflow/settings.env",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@with_systemd
def test_systemd_has_nothing_against_the_units_and_they_may_do_little(tmp_path: Path) -> None:
    root = check.lay_out(tmp_path / "root")

    assert check.complaints(root) == []
    assert list(check.exposed(root)) == []
    told = re.findall(r"\| `(\S+\.service)` \| ([\d.]+) \|", (ROOT / "docs/one-server.md").read_text())
    assert {name: float(exposure) for name, exposure in told} == check.exposures(root)


@with_systemd
def test_a_member_that_systemd_does_not_know_and_one_that_is_missing_are_found(tmp_path: Path) -> None:
    root = check.lay_out(tmp_path / "root")
    folder = root / "etc/systemd/system"
    web, shared = folder / "dataflow-web.service", folder / SHARED.parent.name / SHARED.name
    web.write_text(web.read_text().replace("Restart=always", "Restart=alwais"))
    shared.write_text(shared.read_text().replace("NoNewPrivileges=yes", "").replace("CapabilityBoundingSet=", ""))

    assert any("alwais" in complaint for complaint in check.complaints(root))
    assert any(sentence.startswith("dataflow-web.service is exposed by") for sentence in check.exposed(root))
