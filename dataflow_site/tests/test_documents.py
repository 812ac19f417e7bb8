"""The README and `docs/` say what is so: settings, tests, codes, commands and files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dataflow_site.env import BASE_DIR, env
from ingestion.problems import MEANINGS

PAGES = [BASE_DIR / "README.md", BASE_DIR / "CONTRIBUTING.md", *(BASE_DIR / "docs").glob("*.md")]
# Defaults that follow from something else.
DERIVED = {
    "DATAFLOW_ENV_FILE": "`.env`",
    "DATAFLOW_HTTPS": "opposite of `DATAFLOW_DEBUG`",
    "DATAFLOW_OPEN_INGEST": "same as `DATAFLOW_DEBUG`",
    "DATAFLOW_OPEN_READ": "same as `DATAFLOW_DEBUG`",
}


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| .*\|$", readme(), re.MULTILINE))

    expected = {name: DERIVED.get(name, shown(default)) for name, default in env.defaults.items()}

    assert documented == expected


def test_every_problem_code_is_documented() -> None:
    page = (BASE_DIR / "docs" / "problems.md").read_text()

    documented = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*) \|$", page, re.MULTILINE)

    assert documented == [(code.value, str(status), title) for code, (status, title) in MEANINGS.items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    written = {
        name for file in BASE_DIR.glob("*/**/test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }

    named = set(re.findall(r"`(test_\w+)`", page.read_text()))

    assert named <= written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_linked_or_named_exists(page: Path) -> None:
    text = page.read_text()
    linked = {page.parent / target for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)}
    named = {BASE_DIR / path for path in re.findall(r"`((?:\w+/)+\w+\.\w+)`", text)}

    assert [str(path) for path in linked | named if not path.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert named <= targets


def test_every_promise_names_a_test() -> None:
    promises = re.findall(r"^\| (G\d+) \| .* \| (.*) \|$", readme(), re.MULTILINE)

    assert [name for name, _ in promises] == [f"G{number}" for number in range(1, 11)]
    assert all("`test_" in held_by for _, held_by in promises)


def test_every_command_of_ours_that_is_named_exists() -> None:
    commands = {path.stem for path in BASE_DIR.glob("*/management/commands/*.py")} | {"migrate", "check"}
    named = {name for page in PAGES for name in re.findall(r"`python manage\.py (\w+)", page.read_text())}

    assert named
    assert named <= commands


def test_the_example_request_is_one_that_the_shell_can_read() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", readme(), re.DOTALL)

    for block in blocks:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def readme() -> str:
    return (BASE_DIR / "README.md").read_text()


def shown(default: object) -> str:
    if default == "":
        return "empty"
    if isinstance(default, bool):
        return f"`{int(default)}`"
    return f"`{','.join(default)}`" if isinstance(default, list) else f"`{default}`"
