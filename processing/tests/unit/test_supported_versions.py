"""The oldest versions that work, and that docs and compose have the same ones."""

from __future__ import annotations

import re

import pytest

from deploy.local.processes import ROOT
from processing import supported_versions
from processing.supported_versions import ALL, POSTGRESQL, Supported, parse, too_old


def test_a_version_is_compared_by_its_numbers() -> None:
    nine = Supported("Any", (9, 10), "9.10", "10", "")

    assert too_old(nine, (9, 9, 99)) is not None
    assert too_old(nine, (9, 10)) is too_old(nine, (10,)) is too_old(nine, (9, 10, 1)) is None
    assert "PostgreSQL is 14.5, and the oldest version that works is 15" in str(too_old(POSTGRESQL, (14, 5)))


@pytest.mark.parametrize(
    ("text", "version"),
    [("8.0.32", (8, 0, 32)), ("8.0.32-rc1", (8, 0, 32)), ("18.6 (Debian 18.6-1)", (18, 6)), ("7", (7,)), ("x", ())],
)
def test_a_text_is_read_as_far_as_it_is_a_version(text: str, version: tuple[int, ...]) -> None:
    assert parse(text) == version


def test_the_page_has_the_same_table() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    section = page.split("## Supported versions")[1].split("\n## ")[0]
    rows = [tuple(row.strip("| ").split(" | ")) for row in re.findall(r"^\| [A-Z].+\|$", section, re.MULTILINE)]

    assert rows == [
        (one.server, ".".join(map(str, one.least)), one.tested, one.recommended, one.why)
        for one in supported_versions.ALL
    ]


def test_compose_has_the_recommended_ones() -> None:
    images = dict(re.findall(r"image: (?:\S+/)?(\w+):([\d.]+)", (ROOT / "docker-compose.yml").read_text()))
    names = {"Kafka": "kafka", "PostgreSQL": "postgres", "MongoDB": "mongo", "Redis": "redis"}

    for one in ALL:
        wanted = parse(one.recommended)
        assert parse(images[names[one.server]])[: len(wanted)] == wanted
