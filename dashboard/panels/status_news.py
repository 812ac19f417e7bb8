"""What the status line of a page follows: the state in a line, notices in short, the verdict, open dead letters."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypedDict

from dashboard.panels import notices, status_line, verdict
from dashboard.panels.notices import Notice
from dashboard.panels.status_line import StatusLine
from dashboard.panels.verdict import Verdict
from ingestion.auth.read_scope import ReadScope
from queries.pipeline import dependencies, status
from queries.reads.postgres import ReadUnavailable
from queries.schemas import Stores

MOST_NOTICES = 10


class ShortNotice(TypedDict):
    """One problem, without the text that says what to do."""

    tone: Literal["warn", "bad"]
    title: str
    since: str | None  # RFC 3339; None: no start is known
    acknowledgedBy: str | None


class StatusNews(TypedDict):
    """The state of the pipeline in short. Two that are equal need not both be sent."""

    status: StatusLine
    notices: list[ShortNotice]
    moreNotices: int  # that are not listed
    verdict: Verdict | None  # None: the ledger can't be read


class Heard(NamedTuple):
    """The news, and which servers answer; None: that is not known."""

    news: StatusNews
    stores: Stores | None


def read(*, scope: ReadScope) -> Heard:
    """Read the state as a reader may see it. Takes some seconds while a server does not answer."""
    try:
        line = status.read(scope=scope)
    except status.LedgerUnavailable as error:
        return _of_stores(error.states)
    except ReadUnavailable:
        return _of_stores(dependencies.states())
    found = [*notices.of_scope(scope), *notices.of_line(line)]
    news = _news(status_line.of_line(line, scope=scope), found, verdict.verdict(line))
    return Heard(news, line["stores"])


def unknown() -> StatusNews:
    """Return the news while nothing is known."""
    return _news(status_line.of_stores(None), [], None)


def _of_stores(states: Stores) -> Heard:
    return Heard(_news(status_line.of_stores(states), notices.of_stores(states), None), states)


def _news(line: StatusLine, found: list[Notice], judged: Verdict | None) -> StatusNews:
    short: list[ShortNotice] = [
        {
            "tone": each["tone"],
            "title": each["title"],
            "since": each["since"],
            "acknowledgedBy": each["acknowledgedBy"],
        }
        for each in found[:MOST_NOTICES]
    ]
    return {"status": line, "notices": short, "moreNotices": max(0, len(found) - MOST_NOTICES), "verdict": judged}
