"""The bill of materials names everything that production installs, and is the same each time."""

from __future__ import annotations

from typing import Any

import pytest

from dataflow_site.version import VERSION
from deploy.packages import sbom
from deploy.packages.requirements import ROOT, pins

FILE = ROOT / "requirements.txt"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return sbom.bill(FILE)


def test_the_bill_names_every_package_that_production_installs_with_its_version_and_hashes(
    made: dict[str, Any],
) -> None:
    named = {(each["name"].lower(), each["version"]) for each in made["components"]}
    assert named == {(pin.requirement.name.lower(), pin.version) for pin in pins(FILE.read_text())}
    assert all(each["externalReferences"] for each in made["components"])
    assert all(each["purl"].startswith("pkg:pypi/") for each in made["components"])
    about = made["metadata"]["component"]
    assert (about["name"], about["version"]) == ("data-flow-engine", VERSION)


@pytest.mark.thorough
def test_the_bill_is_the_same_each_time(made: dict[str, Any]) -> None:
    assert sbom.bill(FILE) == made
