"""`python -m deploy.bench.queries`: fill the stores with months of events, and measure how fast they are read."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import django

from deploy.bench import machine
from deploy.bench.load.sender import LoadFailed
from deploy.bench.stores import NotExact
from deploy.local.lock import VAR
from deploy.local.process import DidNotStart
from deploy.local.servers.server import CannotPrepare

# The stores are filled by the product's own code, which needs its models; what is read of its settings is not about any server.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
django.setup()

from deploy.bench.queries import asking, beside, crowd, exports  # noqa: E402
from deploy.bench.queries.deployment import Filled, NotFilled, filled  # noqa: E402
from deploy.bench.queries.filling.history import ROWS  # noqa: E402
from deploy.bench.queries.lines import Line, table  # noqa: E402
from deploy.bench.queries.questions import QUESTIONS  # noqa: E402

FOLDER = VAR / "bench-queries"  # of the results

MEASUREMENTS: dict[str, Callable[[Filled], Iterator[Line]]] = {
    **{name: partial(asking.ask, question=question) for name, question in QUESTIONS.items()},
    "walk": asking.walk,
    "export": exports.measure,
    "crowd": crowd.measure,
    # Last, since it stores events.
    "ingest": beside.measure,
}


def main() -> None:
    """Run the measurements that were asked for, print their table and write it to a file."""
    options = _options()
    # So that a SIGTERM also stops what was started and removes its data.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    about = machine.describe()
    try:
        with filled(rows=options.rows, keep=options.keep, use=options.use) as ready:
            about = f"{about}; {ready.events:,} events, filled in {ready.filling}"
            lines = list(_lines(ready, options.only or list(MEASUREMENTS)))
    except (LoadFailed, NotExact, NotFilled, DidNotStart, CannotPrepare) as error:
        sys.exit(f"The benchmark stopped: {error}")
    _show(about, lines, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.queries", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="how many to fill in (default %(default)s)")
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="may be given several times")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--keep", type=Path, metavar="DIR", help="keep the filled servers' data in this new folder")
    where.add_argument("--use", type=Path, metavar="DIR", help="measure on the data that --keep left, without filling")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    return parser.parse_args()


def _lines(ready: Filled, wanted: list[str]) -> Iterator[Line]:
    """Measure in the order of the table, and print each line to stderr at once, since a whole run takes minutes."""
    for name, measure in MEASUREMENTS.items():
        if name not in wanted:
            continue
        for line in measure(ready):
            print(f"{line.name}: {line.answers} {line.values} {line.server}", file=sys.stderr, flush=True)
            yield line


def _show(about: str, lines: list[Line], *, as_json: bool) -> None:
    found = [{**asdict(line), "reached": line.is_reached} for line in lines]
    texts = {
        "json": json.dumps({"about": about, "lines": found}, indent=2),
        "md": f"{about}\n\n{table(lines)}\n",
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for ending, text in texts.items():
        (FOLDER / f"result.{ending}").write_text(text, encoding="utf-8")
    print(texts["json" if as_json else "md"])


if __name__ == "__main__":
    main()
