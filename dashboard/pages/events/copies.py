"""The same events elsewhere: addresses of the API, and how to read them with curl and Python."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TypedDict
from urllib.parse import urlencode

from dashboard.pages.events.wanted import Wanted
from queries.request.times import format_time


class Copies(TypedDict):
    """Addresses and snippets of a list of events."""

    link: str  # of this page; times that are said by their distance from now are fixed
    json: str
    csv: str
    curl: str
    python: str


def of(wanted: Wanted, base: str, *, start: datetime, end: datetime) -> Copies:
    """Return what can be copied of a page.

    :param base: scheme and host
    """
    begin, stop = format_time(start), format_time(end)
    query = urlencode(wanted.asked(start, end))
    csv = {"format": "csv"} | ({"fields": ",".join(wanted.columns)} if wanted.columns else {})
    address = f"{base}/data?{query}&order={wanted.order}"
    return {
        "link": f"{base}/events/{wanted.address(start=begin, end=stop)}",
        "json": address,
        "csv": f"{base}/api/data/export/?{query}&{urlencode(csv)}",
        "curl": f"curl -fsS -H 'Authorization: Bearer KEY' {shlex.quote(address)}",
        "python": PYTHON.format(address=address),
    }


PYTHON = """import json
from urllib.request import Request, urlopen

address = "{address}"
while address:
    with urlopen(Request(address, headers={{"Authorization": "Bearer KEY"}})) as answer:
        page = json.load(answer)
    for event in page["results"]:
        print(event["timestamp"], event["sourceId"], event["payload"])
    address = page["next"]
"""
