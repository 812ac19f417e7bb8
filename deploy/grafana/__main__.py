"""Writes the JSON of the dashboards, or compares it: `python -m deploy.grafana [--check]`."""

from __future__ import annotations

import sys

from deploy.grafana import boards


def main() -> int:
    """Write or compare all files; return the exit code."""
    files = {boards.FOLDER / f"{name}.json": text for name, text in boards.texts().items()}
    if "--check" not in sys.argv[1:]:
        for file, text in files.items():
            file.write_text(text)
        return 0
    different = [file.name for file, text in files.items() if not file.exists() or file.read_text() != text]
    if different:
        print(
            f"deploy/grafana/dashboards is not what the Python says ({', '.join(different)}): run python -m deploy.grafana"
        )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
