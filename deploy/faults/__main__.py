"""`python -m deploy.faults`: cause every fault with every seed and write docs/faults.md from the results."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from deploy.bench.machine import describe
from deploy.faults import table

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "var" / "faults.jsonl"
PAGE = ROOT / "docs" / "faults.md"


def main() -> int:
    """Run the fault tests, write the page, and return the exit code."""
    options = _options()
    code = 0
    if not options.table:
        options.results.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "deploy.faults.recording",
            "-m",
            "(faults or sample) and not cluster",
        ]
        only = ["-k", options.only] if options.only else []
        # Ctrl-C ends the tests and their servers; the results until then are written.
        signal.signal(signal.SIGINT, lambda _signal, _frame: None)
        # In the folder of the project, where pytest finds its settings.
        code = subprocess.run([*command, *only, "--record", str(options.results)], cwd=ROOT, check=False).returncode
    if not options.results.exists():
        sys.exit(f"{options.results} does not exist: no test was run")
    results = table.parse(options.results.read_text().splitlines())
    if not options.only:
        PAGE.write_text(table.render(results, machine=describe()))
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
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="the file for the lines of JSON (default var/faults.jsonl)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
