"""Addresses of the page of a source with one parameter changed, and choices of one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict
from urllib.parse import urlencode

Given = Mapping[str, Sequence[str]]  # the parameters of a request, some of them repeated
# What the charts have in common; `field`, `view` and `find` say which of them are shown.
COMMON = ("range", "from", "to", "compare", "scale")


class Choice(TypedDict):
    """One value of a parameter."""

    title: str
    address: str
    chosen: bool


def changed(given: Given, name: str, value: str) -> str:
    """Return the address with one parameter changed, or without it. A range replaces its ends."""
    left_out = {name, "find"} | ({"from", "to"} if name == "range" else set())
    pairs = [(each, text) for each, texts in given.items() if each not in left_out for text in texts if text]
    pairs += [(name, value)] if value else []
    return f"?{urlencode(pairs)}" if pairs else "?"


def common(given: Given) -> dict[str, str]:
    """Return the parameters that are common to all charts."""
    return {each: given[each][-1] for each in COMMON if given.get(each) and given[each][-1]}


def choices(given: Given, name: str, titles: Mapping[str, str], *, present: str | None) -> list[Choice]:
    """Return the values of a parameter by their titles; that of the page is `present`."""
    return [
        {"title": title, "address": changed(given, name, value), "chosen": present == value}
        for value, title in titles.items()
    ]
