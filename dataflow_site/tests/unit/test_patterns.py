"""No regular expression that reads input takes more than linear time."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import dashboard
import ingestion
import queries
from ingestion.http.bodies import media_types
from ingestion.receivers.http import cloudevents

SHORT, LONG = 500, 4_000  # characters
# Eight times the length may take so many times the time; a quadratic pattern takes 64 times.
RATIO = 30
FLOOR = 0.002  # seconds, below which time says nothing
# What keeps a pattern going, and what then makes it fail.
PUMPS = (
    "a",
    "0",
    "/",
    ";",
    " ",
    "\t",
    "\\",
    '"',
    "=",
    ",",
    "a/",
    "a;",
    " ;",
    "a=",
    '\\"',
    "%41",
    "a:",
    "+a",
    "0.",
    "a,",
    "[]",
    "--",
)
ENDS = ("", "\x00")
PREFIXES = ("", "a/", 'a="', "a:", "0.")


def modules() -> Iterator[ModuleType]:
    for package in (ingestion, queries, dashboard):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".tests" not in found.name and ".migrations" not in found.name and ".management" not in found.name:
                yield importlib.import_module(found.name)


def patterns() -> dict[str, tuple[re.Pattern[str] | re.Pattern[bytes], str]]:
    """Every compiled pattern by its place, and the method that it is used by."""
    found: dict[str, tuple[re.Pattern[str] | re.Pattern[bytes], str]] = {}
    for module in modules():
        source = Path(str(module.__file__)).read_text()
        for name, value in vars(module).items():
            bound = getattr(value, "__self__", None)
            if isinstance(bound, re.Pattern):
                found[f"{module.__name__}.{name}"] = (bound, value.__name__)
            if isinstance(value, re.Pattern):
                used = re.search(rf"\b{name}\.(fullmatch|match|search|sub|findall|finditer|split)\(", source)
                found[f"{module.__name__}.{name}"] = (value, used[1] if used else "fullmatch")
            if isinstance(value, dict):
                for key, form in value.items():
                    if isinstance(getattr(form, "pattern", None), re.Pattern):
                        found[f"{module.__name__}.{name}[{key}]"] = (form.pattern, "fullmatch")
    return found


def seconds(pattern: re.Pattern[str] | re.Pattern[bytes], method: str, text: str) -> float:
    subject = text.encode("latin-1") if isinstance(pattern.pattern, bytes) else text
    call = getattr(pattern, method)
    start = time.process_time()
    if method == "sub":
        call(subject[:0], subject)
    elif method == "finditer":
        list(call(subject))
    else:
        call(subject)
    return time.process_time() - start


def test_a_pattern_takes_time_in_proportion_to_its_input() -> None:
    assert {place: found for place, used in patterns_by_place.items() if (found := slowest(*used))} == {}


def slowest(pattern: re.Pattern[str] | re.Pattern[bytes], method: str) -> tuple[str, str, str, float] | None:
    """Return a prefix, a pump, an end and the seconds for a text that takes more than linear time; None: there is none."""
    for prefix in PREFIXES:
        for pump in PUMPS:
            for end in ENDS:
                short, long = (prefix + pump * (size // len(pump)) + end for size in (SHORT, LONG))
                took = seconds(pattern, method, long)
                if took > FLOOR and took > RATIO * max(seconds(pattern, method, short), FLOOR / 8):
                    return prefix, pump, end, round(took, 3)
    return None


patterns_by_place = patterns()


def test_the_patterns_of_all_receivers_are_among_them() -> None:
    rooms = {place.split(".")[2] for place in patterns_by_place if place.startswith("ingestion.receivers.")}

    assert {"http", "influx"} <= rooms
    assert any("datacontenttype" in place for place in patterns_by_place)


@pytest.mark.parametrize("media", ["/" * 250_000, "a/" * 125_000, "a" * 250_000 + "+json", "text/" + ";" * 250_000])
def test_a_media_type_is_read_in_no_time_however_long_it_is(media: str) -> None:
    start = time.process_time()
    payload = cloudevents._binary_data(b"x", media)

    assert time.process_time() - start < 0.01
    assert payload == b'{"data_base64":"eA=="}'


@pytest.mark.parametrize(
    ("media", "parts"),
    [
        ("application/json", ("application", "json")),
        ("Application/Vnd.X+JSON ; charset=utf-8", ("application", "vnd.x+json")),
        ("text/plain;a=b/c", ("text", "plain")),
        ("json", ("json", "")),
        ("", ("", "")),
        ("a/" + "b" * 254, ("a", "b" * 254)),
        ("a/" + "b" * 255, ("", "")),
    ],
)
def test_a_media_type_has_a_type_and_a_subtype(media: str, parts: tuple[str, str]) -> None:
    assert media_types.split(media) == parts
