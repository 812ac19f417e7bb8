"""Removes `var/` unless a launcher uses it: `make clean-data`."""

from __future__ import annotations

import shutil
import sys

from deploy.local import lock


def main() -> None:
    """Remove `var/` if it exists and no launcher uses it."""
    if not lock.VAR.exists():
        sys.exit("There is no data: var/ does not exist.")
    try:
        held = lock.take()
    except lock.AlreadyRunning as error:
        sys.exit(f"{error} Stop it before its data is removed.")
    with held:
        shutil.rmtree(lock.VAR)
    print("Removed var/ with the data of the local servers.")


if __name__ == "__main__":
    main()
