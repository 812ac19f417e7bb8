"""`python -m deploy.sizing`: what a load takes; `--write` and `--check` are about the tables of docs/scaling.md."""

from __future__ import annotations

import argparse
import sys

from deploy.sizing import measured, page
from deploy.sizing.calculation import Load, calculate

PAGE = measured.ROOT / "docs" / "scaling.md"


def main() -> int:
    """Print the sizes of one load, or write or compare the page; return the exit code."""
    options = _options()
    known = measured.read(measured.PAGE.read_text())
    if options.write or options.check:
        return _page(page.replaced(PAGE.read_text(), known), write=options.write)
    load = Load(options.events, options.every, options.single, options.kept, options.retained)
    for title, cell in zip(page.COLUMNS, page.row(load, calculate(load, known)), strict=True):
        print(f"{title:<36} {cell}")
    return 0


def _page(wanted: str, *, write: bool) -> int:
    if write:
        PAGE.write_text(wanted)
    elif PAGE.read_text() != wanted:
        print("docs/scaling.md is not what docs/performance.md gives: python -m deploy.sizing --write")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.sizing", description=__doc__)
    parser.add_argument("--events", type=float, default=10_000, help="a second, over the busiest hour (default 10,000)")
    parser.add_argument(
        "--every", type=float, default=10.0, choices=(0.1, 10.0, 300.0), help="seconds between two events of a source"
    )
    parser.add_argument("--single", action="store_true", help="one event a request, not arrays of 100")
    parser.add_argument("--kept", type=int, default=30, help="days in PostgreSQL and MongoDB (default 30)")
    parser.add_argument("--retained", type=int, default=7, help="days in Kafka (default 7)")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/scaling.md")
    parser.add_argument("--check", action="store_true", help="exit with 1 if they differ")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
