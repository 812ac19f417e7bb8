"""The README and `docs/` say what is so: settings, tests, codes, commands and files."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from dashboard.panels import notices
from dataflow_site.environment.env import BASE_DIR, env
from deploy.local import processes
from deploy.metrics import page
from ingestion.problems import MEANINGS

README = BASE_DIR / "README.md"
DOCS = BASE_DIR / "docs"
PAGES = [README, BASE_DIR / "CONTRIBUTING.md", BASE_DIR / "CHANGELOG.md", *DOCS.glob("**/*.md")]
README_BYTES = range(6_000, 8_193)  # short enough to be read to its end
PICTURE_BYTES = 200 * 1024
# Defaults that follow from something else.
DERIVED = {
    "DATAFLOW_ENV_FILE": "`.env`",
    "DATAFLOW_HTTPS": "opposite of `DATAFLOW_DEBUG`",
    "DATAFLOW_OPEN_INGEST": "same as `DATAFLOW_DEBUG`",
    "DATAFLOW_OPEN_READ": "same as `DATAFLOW_DEBUG`",
}


def test_the_readme_has_its_size_and_its_pictures() -> None:
    pictures = re.findall(r'(?:src|srcset)="(docs/images/[^"]+)"', README.read_text())

    assert README.stat().st_size in README_BYTES
    assert sorted(pictures) == [
        f"docs/images/{page}-{scheme}.png"
        for page in ("dead-letters", "overview", "sources")
        for scheme in ("dark", "light")
    ]
    assert all((BASE_DIR / picture).stat().st_size <= PICTURE_BYTES for picture in pictures)


def test_the_index_links_every_page() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)", (DOCS / "README.md").read_text()))

    assert linked | {"README.md"} == {page.name for page in DOCS.glob("*.md")}


def test_every_setting_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| .+\|$", text_of("settings.md"), re.MULTILINE))

    expected = {name: DERIVED.get(name, shown(default)) for name, default in env.defaults.items()}

    assert documented == expected


def test_every_metric_is_documented_as_it_is_defined() -> None:
    assert text_of("metrics.md") == page.text()


def test_the_words_of_the_glossary_are_sorted_and_unique() -> None:
    words = re.findall(r"^\| ([a-z][\w -]*) \| .+\|$", text_of("glossary.md"), re.MULTILINE)

    assert words[0] == "word"
    assert words[1:] == sorted(set(words[1:]))


def test_every_process_is_documented_with_its_server() -> None:
    page = text_of("operations.md")

    parts = (processes.INGEST, processes.GRPC, processes.CONSUMER, processes.JOBS, processes.WEB)
    named = [word for part in parts for word in part.arguments if ":" in word] + [part.name for part in parts]

    assert [word for word in named if word not in page] == []


def test_every_notice_of_the_overview_is_explained() -> None:
    page = text_of("operations.md")

    titles = [title for _, title, _ in notices.OUTAGES.values()] + list(notices.TITLES.values())

    assert [title for title in titles if f"*{title}*" not in page] == []


def test_every_problem_code_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*) \|$", text_of("problems.md"), re.MULTILINE)

    assert documented == [(code.value, str(status), title) for code, (status, title) in MEANINGS.items()]


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(BASE_DIR)))
def test_every_test_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", document.read_text()))

    assert named <= written_tests()


@cache
def written_tests() -> frozenset[str]:
    files = BASE_DIR.glob("*/**/test_*.py")
    return frozenset(name for file in files for name in re.findall(r"def (test_\w+)", file.read_text()))


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(BASE_DIR)))
def test_every_file_that_is_linked_or_named_exists(document: Path) -> None:
    text = document.read_text()
    linked = {document.parent / target for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)}
    named = {BASE_DIR / path for path in re.findall(r"`((?:\w+/)+\w+\.\w+)`", text)}

    assert [str(path) for path in linked | named if not path.exists()] == []


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(BASE_DIR)))
def test_every_heading_that_is_linked_exists(document: Path) -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())

    missing = [
        f"{target}#{anchor}"
        for target, anchor in linked
        if anchor not in anchors(document.parent / target if target else document)
    ]

    assert missing == []


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(BASE_DIR)))
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), re.MULTILINE))

    assert named <= targets


def test_every_promise_names_a_test() -> None:
    promises = re.findall(r"^\| (G\d+) \| .* \| (.*) \|$", text_of("delivery.md"), re.MULTILINE)

    assert [name for name, _ in promises] == [f"G{number}" for number in range(1, 11)]
    assert all("`test_" in held_by for _, held_by in promises)


def test_the_readme_promises_what_is_promised() -> None:
    promises = re.findall(r"^\| (G\d+) \| (.*) \| .* \|$", text_of("delivery.md"), re.MULTILINE)

    assert re.findall(r"^- \*\*(G\d+)\*\* (.*)\.$", README.read_text(), re.MULTILINE) == promises


def test_every_command_of_ours_that_is_named_exists() -> None:
    commands = {path.stem for path in BASE_DIR.glob("*/management/commands/*.py")} | {"migrate", "check"}
    named = {name for page in PAGES for name in re.findall(r"`python manage\.py (\w+)", page.read_text())}

    assert named
    assert named <= commands


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(BASE_DIR)))
def test_every_example_of_the_shell_is_one_that_the_shell_can_read(document: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL)

    for block in blocks:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_the_readme_shows_one_request() -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL))

    assert blocks.count("/ingest") == 1
    assert blocks.count("/data?") == 1


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shown(default: object) -> str:
    if default in ("", []):
        return "empty"
    if isinstance(default, bool):
        return f"`{int(default)}`"
    return f"`{','.join(default)}`" if isinstance(default, list) else f"`{default}`"
