"""`python -m deploy.bench`: measure the whole product on real servers and print one table."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial

from deploy.bench import machine
from deploy.bench.figures import Figure, medians, table
from deploy.bench.load.sender import LoadFailed
from deploy.bench.logic import measurement as logic
from deploy.bench.measurements import (
    acknowledge,
    backlog,
    baseline,
    drain,
    endtoend,
    grpc_batches,
    idle,
    latency,
    pressure,
    spoiled,
)
from deploy.bench.peers import comparison
from deploy.bench.sizing import disk
from deploy.bench.sizing import measurement as sizing
from deploy.bench.stack import running_servers
from deploy.bench.stores import NotExact
from deploy.local.process import DidNotStart
from deploy.local.servers.server import CannotPrepare
from deploy.testing.servers import Servers

Measurement = Callable[..., Iterator[Figure]]  # (servers, name)

HALF = "latencyhalf"
SIZED = ("unreadable", "conflicts", "drain", "sizing", "disk")  # measurements that --events applies to
MEASUREMENTS: dict[str, Measurement] = {
    "acknowledge": acknowledge.measure,
    "pressure": pressure.measure,
    "grpc": grpc_batches.measure,
    "backlog": backlog.measure,
    "unreadable": spoiled.unreadable,
    "conflicts": spoiled.conflicts,
    "drain": drain.measure,
    "endtoend": endtoend.measure,
    "latency6k": partial(latency.measure, rate=6_000, label="6,000 events/s"),
    "latency20k": partial(latency.measure, rate=20_000, label="20,000 events/s"),
    HALF: partial(latency.measure, rate=0, label="half the end to end rate"),  # the rate is measured first
    "idle": idle.measure,
    "logic": logic.measure,
    "baseline": baseline.measure,
    "peers": comparison.measure,
    "sizing": sizing.measure,
    "disk": disk.measure,
}
ASKED_FOR = ("logic", "peers", "sizing", "disk")  # left out of a run without --only


def main() -> None:
    """Run the measurements that were asked for and print their table."""
    options = _options()
    about = machine.describe()
    # So that a SIGTERM also stops what was started and removes its data.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        rounds = [_round(number, options.only, options.events) for number in range(options.rounds)]
    except (LoadFailed, NotExact, DidNotStart, CannotPrepare) as error:
        sys.exit(f"The benchmark stopped: {error}")
    figures = medians(rounds)
    about = f"{about}; median of {options.rounds}"
    if options.json:
        print(json.dumps({"about": about, "figures": [asdict(figure) for figure in figures]}, indent=2))
    else:
        print(f"{about}\n\n{table(figures)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=list(MEASUREMENTS),
        help=f"may be given several times (default: all but {', '.join(ASKED_FOR)})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="the table shows the median (default %(default)s)")
    parser.add_argument("--events", type=int, help=f"how many, for {', '.join(SIZED)}")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    return parser.parse_args()


def _round(number: int, only: Sequence[str] | None, events: int | None) -> list[Figure]:
    """Measure once, on servers that are new."""
    with running_servers() as servers:
        return list(_figures(servers, number, only or _default(), events))


def _default() -> list[str]:
    return [name for name in MEASUREMENTS if name not in ASKED_FOR]


def _figures(servers: Servers, number: int, wanted: Iterable[str], events: int | None) -> Iterator[Figure]:
    half = 0
    for name, measure in MEASUREMENTS.items():
        if name not in wanted and not (name == "endtoend" and HALF in wanted):
            continue
        options = {"rate": half} if name == HALF else {"events": events} if events and name in SIZED else {}
        measured = measure(servers, f"{name}_{number}", **options)
        for figure in _said(measured):
            half = int(figure.values["events/s"] / 2) if figure.name == "end to end" else half
            yield figure


def _said(figures: Iterator[Figure]) -> Iterator[Figure]:
    """Print each figure to stderr as soon as it is measured, since a whole run takes minutes."""
    for figure in figures:
        print(f"{figure.name}: {figure.values}", file=sys.stderr, flush=True)
        yield figure


if __name__ == "__main__":
    main()
