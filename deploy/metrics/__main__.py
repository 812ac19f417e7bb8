"""Writes docs/metrics.md, or compares it: `python -m deploy.metrics [--check]`."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
django.setup()

from deploy.metrics import page  # noqa: E402 - after the setup


def main() -> int:
    """Write or compare the page; return the exit code."""
    if "--check" not in sys.argv[1:]:
        page.PAGE.write_text(page.text())
        return 0
    if page.PAGE.read_text() == page.text():
        return 0
    print("docs/metrics.md is not what the definitions say: run python -m deploy.metrics")
    return 1


if __name__ == "__main__":
    sys.exit(main())
