"""Asks the requests of a line, one client after the other's answer, and follows lists from page to page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from deploy.bench.queries.client import Answer, Client, Costs, Seen
from deploy.bench.queries.deployment import Filled
from deploy.bench.queries.lines import Limit, Line, quantiles
from deploy.bench.queries.questions import QUESTIONS, Question

LIMIT = 60.0  # seconds for a line; a slow one is asked less often
PAGES = 500
FIRST_PAGE_EACH = 5  # pages
RATIO = 1.5


def ask(filled: Filled, question: Question) -> Iterator[Line]:
    """Ask one question."""
    client, seen = Client(filled.stack.web_port, filled.token), Seen()
    paths = question.paths(filled)
    last = None
    for path in islice(paths, question.warm):
        last = client.get(path)
        time.sleep(question.pause)
    until = time.monotonic() + LIMIT + question.requests * question.pause
    with Costs(filled.stack) as costs:
        for path in islice(paths, question.requests):
            last = client.get(path)
            seen.add(last)
            if time.monotonic() > until:
                break
            time.sleep(question.pause)
    client.close()
    server = {**costs.each(len(seen.seconds)), **seen.database_time()}
    answers = seen.in_words(_problem(last) if last else "")
    is_served = set(seen.statuses) == {question.expected}
    yield Line(question.name, answers, quantiles(seen.seconds), server, question.limits, is_served)


def _problem(answer: Answer) -> str:
    """Return the code of a problem, such as that there is no such parameter yet."""
    if answer.status < 400:
        return ""
    try:
        return str(json.loads(answer.body).get("code", ""))
    except ValueError:
        return ""


def walk(filled: Filled) -> Iterator[Line]:
    """Follow `next` through the events of all sources and of one."""
    for name, path in {"of all": "/data?limit=100", "of one source": "/data?limit=100&source_id=sensor-005"}.items():
        yield _walk(filled, name, path)


def _walk(filled: Filled, name: str, path: str) -> Line:
    client, seen, first = Client(filled.stack.web_port, filled.token), Seen(), Seen()
    first_pages = QUESTIONS["source" if "source_id" in path else "all"].paths(filled)
    following = _next(client.get(path))
    with Costs(filled.stack) as costs:
        while following and len(seen.seconds) < PAGES:
            # Among the others, so that whatever else the machine does slows down both.
            if len(seen.seconds) % FIRST_PAGE_EACH == 0:
                first.add(client.get(next(first_pages)))
            answer = client.get(following)
            seen.add(answer)
            following = _next(answer)
    client.close()
    values, of_first = quantiles(seen.seconds), quantiles(first.seconds)
    values |= {f"x {share}": values[f"ms {share}"] / of_first[f"ms {share}"] for share in ("p50", "p95") if values}
    server = {**costs.each(len(seen.seconds) + len(first.seconds)), **seen.database_time()}
    limits = (Limit("ms p95", most=30), Limit("x p95", most=RATIO))
    return Line(f"pages by cursor, {name}; x the first page", seen.in_words(), values, server, limits)


def _next(answer: Answer) -> str:
    """Return the path of the next page; empty: there is none."""
    address = json.loads(answer.body).get("next") if answer.status == 200 else None
    if not address:
        return ""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"
