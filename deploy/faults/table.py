"""Writes docs/faults.md from the recorded results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from deploy.faults.recording import NOT_RUN

Result = dict[str, Any]

HEAD = """# Faults

Written by `make faults`. It causes each fault on real processes and servers while clients send events, once for each of
five seeds, and then checks everything that was acknowledged: rows, documents, rollups (recomputed), dead letters, the
ledger, the order of each source, and the result of reconcile. Tests with a seed are in `processing/tests/faults`. Tests
without a seed (–) are in the apps: each checks one thing, has no such load and does its own counting, so it leaves the
columns of this table empty.

*lost*: acknowledged, but without a row or a document, and in no gap of the ledger. *phantom*: a row or document of an
event that was never sent. *doubled*: stored or counted more than once. *Recovery*: the time from the end of the fault
until all clients are served again and everything that they sent until then is stored, median and longest of all seeds.
"""
CLUSTERS = "## Clusters"
CLUSTER_HEAD = f"""{CLUSTERS}

Written by `make faults-cluster`, which runs `processing/tests/cluster` on the servers of [`make cluster`](scaling.md): three brokers,
a primary of PostgreSQL with its standby, a replica set of MongoDB, two receivers, which senders reach by themselves and through
nginx, and four consumers. Each fault is caused with three seeds, and the same is checked as above.

*Recovery* is the time from the fault until all clients are served again and everything that they sent until then is stored: the
other members take over, while the killed or frozen one is still away. For PostgreSQL it includes the promotion, and where brokers
restart one after the other it is the time after the last one. Kafka's and MongoDB's time-outs are their defaults, of 9 and 10 s.
"""
COLUMNS = ("fault", "seeds", "events", "lost", "phantom", "doubled", "recovery, s")


def parse(lines: Iterable[str]) -> list[Result]:
    """Return the last result of each test."""
    results = [json.loads(line) for line in lines if line.strip()]
    return list({(one["file"], one["fault"], one["at"], one["seed"]): one for one in results}.values())


def all_well(results: Iterable[Result]) -> bool:
    """Return whether everything ran and nothing failed."""
    return all(one["outcome"] in {"passed", "skipped"} for one in results)


def render(results: Iterable[Result], *, machine: str, head: str = HEAD) -> str:
    """Return one part of the page: the faults, or with their head those of clusters."""
    ordered = sorted(results, key=lambda one: (one["file"], one["fault"], one["at"], one["seed"] or 0))
    parts = [head, f"{machine}. {summary(ordered)}\n"]
    parts.append("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    parts += [
        row(fault, at, list(group))
        for (_, fault, at), group in groupby(ordered, key=lambda one: (one["file"], one["fault"], one["at"]))
    ]
    return "\n".join(parts) + "\n"


def replace_part(page: str, part: str) -> str:
    """Return the page with its faults, or those of clusters, replaced; the other part stays."""
    faults, _, clusters = page.partition(CLUSTERS)
    if part.startswith(CLUSTERS):
        return f"{faults.rstrip()}\n\n{part}"
    return f"{part}\n{CLUSTERS}{clusters}" if clusters else part


def summary(results: Sequence[Result]) -> str:
    """Return how many tests ran and which failed, as a sentence."""
    ran = [one for one in results if one["outcome"] != NOT_RUN]
    failed = [f"{title(one['fault'], one['at'])}, seed {one['seed']}" for one in ran if one["outcome"] == "failed"]
    minutes = sum(one["duration"] for one in ran) / 60
    counted = f"{len(ran)} of {len(results)} tests ran, {len(failed)} failed, {minutes:.0f} minutes."
    unfinished = [] if len(ran) == len(results) else ["**The run was interrupted: this table is not whole.**"]
    return " ".join([*unfinished, counted, *(["**Failed:** " + "; ".join(failed) + "."] if failed else [])])


def row(fault: str, at: str, results: Sequence[Result]) -> str:
    """Return the line of the table for one fault."""
    passed = [str(one["seed"] or "–") for one in results if one["outcome"] == "passed"]
    rest = [f"{one['outcome']}: {one['seed'] or '–'}" for one in results if one["outcome"] != "passed"]
    recoveries = sorted(one["recovery"] for one in results if "recovery" in one)
    recovery = f"{recoveries[len(recoveries) // 2]:.1f}, {recoveries[-1]:.1f}" if recoveries else "–"
    name = title(fault, at)
    sums = [total(results, name) for name in ("events", "lost", "phantom", "doubled")]
    return "| " + " | ".join([name, ", ".join([*passed, *rest]), *sums, recovery]) + " |"


def total(results: Sequence[Result], name: str) -> str:
    """Return the sum of the counts, or – if nothing was counted."""
    counted = [one[name] for one in results if name in one]
    return f"{sum(counted):,}" if counted else "–"


def title(fault: str, at: str) -> str:
    """Return the name of a test as words, with its parameters."""
    words = fault.removeprefix("test_").replace("_", " ")
    return f"{words} ({at})" if at else words
