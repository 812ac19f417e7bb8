"""Packages are rooms: at most a dozen modules, and a sentence that says what belongs there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_site.environment.env import BASE_DIR

ROOTS = ("dataflow_site", "dashboard", "queries", "processing", "ingestion", "deploy")
MOST = 12  # modules, CONTRIBUTING.md; `__init__.py` is not one
# Django numbers migrations, and protoc makes the modules of a .proto.
GENERATED = {"migrations", "protos"}
# Django looks for an app's commands in this one folder.
FLAT = {"commands"}


def packages() -> Iterator[Path]:
    for root in ROOTS:
        for init in sorted((BASE_DIR / root).rglob("__init__.py")):
            inside = init.parent.relative_to(BASE_DIR)
            if not GENERATED.intersection(inside.parts) and "tests" not in inside.parts:
                yield inside


PACKAGES = list(packages())


def modules(package: Path) -> list[str]:
    return sorted(file.name for file in (BASE_DIR / package).glob("*.py") if file.name != "__init__.py")


def test_every_module_is_in_a_package() -> None:
    folders = {file.parent.relative_to(BASE_DIR) for root in ROOTS for file in (BASE_DIR / root).rglob("*.py")}

    assert [str(folder) for folder in sorted(folders) if not (BASE_DIR / folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", [package for package in PACKAGES if package.name not in FLAT], ids=str)
def test_a_package_has_at_most_a_dozen_modules(package: Path) -> None:
    assert len(modules(package)) <= MOST, modules(package)


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_says_in_a_sentence_what_belongs_there(package: Path) -> None:
    text = ast.get_docstring(ast.parse((BASE_DIR / package / "__init__.py").read_text())) or ""

    assert text.endswith("."), text
