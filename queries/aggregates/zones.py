"""Time zones by their names. Their rules are those of the package tzdata, whatever the machine has."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from queries.request.query_params import InvalidParameter

UTC_NAME = "UTC"


def parse(name: str) -> ZoneInfo:
    """Return a zone of the IANA database.

    :raises InvalidParameter: there is none of this name
    """
    if name not in names():
        by_case = {each.lower(): each for each in names()}
        [near] = get_close_matches(name.lower(), by_case, n=1, cutoff=0.0)
        raise InvalidParameter(
            "tz", f"tz: expected a time zone of the IANA database; the nearest one is {by_case[near]}"
        )
    return _zone(name)


@cache
def names() -> frozenset[str]:
    """Return the names of all zones, links included."""
    return frozenset((resources.files("tzdata") / "zones").read_text().split())


@cache
def _zone(name: str) -> ZoneInfo:
    with (resources.files("tzdata") / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
