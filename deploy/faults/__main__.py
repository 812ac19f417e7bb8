"""`python -m deploy.faults [--cluster]`: cause every fault with every seed and write its part of docs/faults.md."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from deploy.bench.machine import describe
from deploy.faults import table

ROOT = Path(__file__).resolve().parent.parent.parent
SINGLE, CLUSTER = "(faults or sample) and not cluster", "cluster"  # marks of pytest
PAGE = ROOT / "docs" / "faults.md"


def main() -> int:
    """Run the fault tests, write their part of the page, and return the exit code."""
    options = _options()
    results_file = options.results or ROOT / "var" / ("faults-cluster.jsonl" if options.cluster else "faults.jsonl")
    code = 0
    if not options.table:
        results_file.unlink(missing_ok=True)
        marks = CLUSTER if options.cluster else SINGLE
        command = [sys.executable, "-m", "pytest", "-p", "deploy.faults.recording", "-m", marks]
        only = ["-k", options.only] if options.only else []
        # Ctrl-C ends the tests and their servers; the results until then are written.
        signal.signal(signal.SIGINT, lambda _signal, _frame: None)
        # In the folder of the project, where pytest finds its settings.
        code = subprocess.run([*command, *only, "--record", str(results_file)], cwd=ROOT, check=False).returncode
    if not results_file.exists():
        sys.exit(f"{results_file} does not exist: no test was run")
    results = table.parse(results_file.read_text().splitlines())
    if not options.only:
        head = table.CLUSTER_HEAD if options.cluster else table.HEAD
        part = table.render(results, machine=describe(), head=head)
        PAGE.write_text(table.replace_part(PAGE.read_text(), part))
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return code or int(not table.all_well(results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.faults",
        description=__doc__,
        epilog="example: python -m deploy.faults --only 'test_kafka and seed-3'",
    )
    parser.add_argument(
        "--only", help="run the faults that this -k expression of pytest selects; the page is not written"
    )
    parser.add_argument("--table", action="store_true", help="run no test, write the page from the last results")
    parser.add_argument("--cluster", action="store_true", help="the faults of clusters instead of the others")
    parser.add_argument(
        "--results",
        type=Path,
        help="the file for the lines of JSON (default var/faults.jsonl or var/faults-cluster.jsonl)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
