"""Runs all tests, as `make test` does: those of a browser beside the parallel ones, then those that need the machine alone.

`python -m deploy.testing.phases WORKERS [--thorough]`; with `--thorough` those that are left out otherwise, as `make thorough`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence

from deploy.local.processes import ROOT

PYTEST = (sys.executable, "-m", "pytest")


def main() -> int:
    """Run all phases and return the exit code: the first that is not 0."""
    codes = _thorough(sys.argv[1]) if "--thorough" in sys.argv else _usual(sys.argv[1])
    return next((code for code in codes if code), 0)


def _usual(workers: str) -> list[int]:
    with tempfile.TemporaryFile() as said:
        # A process of its own, since playwright and pytest-asyncio do not share one. It mostly waits for its pages.
        with subprocess.Popen([*PYTEST, *browser()], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT) as beside:
            codes = [_run(parallel(workers))]
        codes.append(beside.returncode)
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
        sys.stdout.flush()
    return [*codes, _run(alone())]


def _thorough(workers: str) -> list[int]:
    # Most of those of a browser assert how fast a page is.
    return [_run(words) for words in (thorough(workers), thorough_browser())]


def _run(words: Sequence[str]) -> int:
    return subprocess.run([*PYTEST, *words], cwd=ROOT, check=False).returncode


def parallel(workers: str) -> Sequence[str]:
    """Return the words for all tests that may run at the same time."""
    words = ("-n", workers, "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "20")
    return (*words, "-m", "not (alone or browser or faults or thorough)")


def browser() -> Sequence[str]:
    """Return the words for the tests of pages in a browser."""
    return ("--durations", "10", "-m", "browser and not thorough", *files("browser"))


def alone() -> Sequence[str]:
    """Return the words for the tests that assert how fast something is."""
    return ("--durations", "5", "-m", "alone and not (faults or thorough)", *files("alone"))


def thorough(workers: str) -> Sequence[str]:
    """Return the words for the tests of `make thorough` that may run at the same time."""
    return ("-n", workers, "--dist", "loadfile", "-m", "thorough and not (browser or faults)")


def thorough_browser() -> Sequence[str]:
    """Return the words for those of pages in a browser."""
    return ("-m", "browser and thorough", *files("browser"))


def files(mark: str) -> list[str]:
    """Return the test files that use a mark; collecting all others takes longer than some of their tests."""
    found = (file for file in ROOT.glob("*/**/tests/**/test_*.py") if f"mark.{mark}" in file.read_text())
    return sorted(str(file.relative_to(ROOT)) for file in found)


if __name__ == "__main__":
    sys.exit(main())
