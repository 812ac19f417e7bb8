"""What the page of events shows: its state, all of which is in its address."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from dashboard.panels.columns import MAX_CHOSEN
from ingestion.problems import Code
from queries.events import query as event_query
from queries.events.query import EventQuery
from queries.request.field_filters import parse_path
from queries.request.filter_line import parsing
from queries.request.filter_line.parsing import InvalidFilter
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.request.query_params import InvalidParameter, Parameters, unknown
from queries.request.times import InvalidTime, format_time, parse_moment, shifted

# Of event time, by what a link says.
RANGES = {
    "now-15m": "15 min",
    "now-1h": "1 h",
    "now-6h": "6 h",
    "now-1d": "1 day",
    "now-7d": "7 days",
    "now-30d": "30 days",
}
USUAL = timedelta(hours=1)  # of a range of which the end alone is named
PARAMETERS = ("filter", "start", "end", "range", "by", "order", "columns", "column", "cursor")
LIMIT = 50  # events on a page
_LENGTH = re.compile(r"[0-9]{1,6}[smhdw]", re.ASCII)

Order = Literal["asc", "desc"]
# What `start` and `end` are about: event time, or the time of receipt, by which the ledger counts.
By = Literal["", "received"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What can't be used of an address."""

    text: str
    before: str = ""  # of the filter: what comes before the place, and what is there
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events, and how they are shown; texts as they stand in the address."""

    filter: str = ""
    line: FilterLine = EVERYTHING_PASSES
    start: str = ""
    end: str = ""
    by: By = ""
    order: Order = "desc"
    columns: tuple[str, ...] = ()  # paths of fields, in place of the whole payload
    cursor: str = ""
    fault: Fault | None = None

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        """Parse the parameters of an address. What can't be used is named, and left out."""
        found = cls(
            filter=given.get("filter", "").strip(),
            start=given.get("start", "").strip() or _since(given.get("range", "").strip()),
            end=given.get("end", "").strip(),
            by="received" if given.get("by") == "received" else "",
            order="asc" if given.get("order") == "asc" else "desc",
            cursor=given.get("cursor", ""),
        )
        try:
            _check(given)
            found = found._of_its_cursor() if found.cursor else found
            # A form has a checkbox for each.
            columns = given.get("columns") or ",".join(given.getlist("column"))
            found = replace(found, columns=_columns(columns))
            return replace(found, line=parsing.parse(found.filter))
        except InvalidFilter as error:
            before, after = found.filter[: error.at], found.filter[error.at :]
            return replace(found, fault=Fault(f"At character {error.at + 1}: {error.expected}.", before, after))
        except InvalidParameter as error:
            # A sentence, if it is about none of the parameters that there are.
            text = error.detail if error.parameter else f"{error.detail[:1].upper()}{error.detail[1:]}."
            return replace(found, fault=Fault(text))

    def _of_its_cursor(self) -> Self:
        """Return it with what its cursor says of the list, where the address does not.

        :raises InvalidParameter: it is no cursor of a list of events
        """
        carried = {name: values[-1] for name, values in event_query.carried_by(self.cursor).items() if values}
        return replace(
            self,
            filter=self.filter or carried.get("filter", ""),
            start=self.start or carried.get("start_time", carried.get("received_start", "")),
            end=self.end or ("" if self.start else carried.get("end_time", carried.get("received_end", ""))),
            by="received" if self.by or "received_start" in carried else "",
            order="asc" if carried.get("order") == "asc" else self.order,
        )

    @property
    def is_live(self) -> bool:
        """Return whether it shows what comes, and not what was."""
        return not (self.start or self.end or self.cursor)

    def query(self, *, now: datetime) -> EventQuery:
        """Return the query of a page of stored events. Of another page than the first, the cursor has all of it.

        :raises InvalidParameter: a time or the cursor can't be used
        """
        start, end = self.span(now=now)
        given = {"limit": str(LIMIT), "order": self.order}
        given |= {"filter": self.filter} if self.filter else {}
        given |= {"cursor": self.cursor} if self.cursor else {}
        first, last = self.ends
        for name, text, moment in ((first, self.start, start), (last, self.end, end)):
            # An end that is said by its distance from now is where it was when the first page was read.
            if not self.cursor or (text and not text.startswith("now")):
                given[name] = format_time(moment)
        sent = MultiValueDict({name: [value] for name, value in given.items()})
        known, repeated = event_query.PARAMETERS, event_query.REPEATED
        return EventQuery.from_parameters(Parameters(sent, known=known, repeated=repeated))

    def span(self, *, now: datetime) -> tuple[datetime, datetime]:
        """Return its range of time.

        :raises InvalidParameter: one end can't be used
        """
        end = _moment("end", self.end or "now", now)
        start = shifted(end, -USUAL) if not self.start else _moment("start", self.start, now)
        if end <= start:
            raise InvalidParameter("end", "end: expected a time after start")
        return start, end

    @property
    def ends(self) -> tuple[str, str]:
        """Return the names of both ends of its range, as parameters of the API."""
        return ("received_start", "received_end") if self.by else ("start_time", "end_time")

    def asked(self, start: datetime, end: datetime) -> dict[str, str]:
        """Return which events it is about, as parameters of the API."""
        first, last = self.ends
        named = {"filter": self.filter} if self.filter else {}
        return {**named, first: format_time(start), last: format_time(end)}

    def address(self, **changes: str) -> str:
        """Return the address with some of its parameters changed; a page of the list is left unless it is named."""
        own = {
            "filter": self.filter,
            "start": self.start,
            "end": self.end,
            "by": self.by,
            "order": "" if self.order == "desc" else self.order,
            "columns": ",".join(self.columns),
        }
        kept = {name: value for name, value in (own | changes).items() if value}
        return f"?{urlencode(kept)}"


def _check(given: QueryDict) -> None:
    """Check what is not read by itself.

    :raises InvalidParameter: a parameter is unknown, or can't be used
    """
    name = next((name for name in given if name not in PARAMETERS), None)
    if name is not None:
        raise InvalidParameter("", unknown(name, PARAMETERS), code=Code.UNKNOWN_PARAMETER)
    if given.get("order") not in {None, "", "asc", "desc"}:
        raise InvalidParameter("order", "order: expected asc or desc")
    length = given.get("range", "").strip()
    if length and (given.get("start") or given.get("end")):
        raise InvalidParameter("range", "range: expected without start and end")
    if length and not _LENGTH.fullmatch(length):
        raise InvalidParameter("range", "range: expected a length of time, like 15m, 1h or 7d")


def _since(length: str) -> str:
    """Return the beginning of a range that is said by its length, as other pages have it."""
    return f"now-{length}" if _LENGTH.fullmatch(length) else ""


def _columns(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    parameters = Parameters(MultiValueDict({"columns": [text]}), known=("columns",))
    paths = parameters.paths("columns", most=MAX_CHOSEN)
    for path in paths:
        parse_path("columns", path)
    return tuple(paths)


def _moment(name: str, text: str, now: datetime) -> datetime:
    # A field of a form has local minutes without a zone, which are UTC here.
    try:
        return parse_moment(f"{text}Z" if len(text) in {16, 19} and text[10:11] == "T" else text, now=now)
    except InvalidTime as error:
        raise InvalidParameter(name, f"{name}: {error}") from error
