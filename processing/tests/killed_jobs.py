"""Runs `manage.py run_jobs` and kills it in its second chunk: `python -m processing.tests.killed_jobs marked|sent`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from processing.dead_letters.redrive import Redrive  # noqa: E402 - after the setup


def main() -> None:
    """Run jobs until the second chunk is sent, or marked, then kill this process."""
    moment = sys.argv[1]
    send, chunks = Redrive._send, 0

    def wrapped(owner: Redrive, numbers: Sequence[int]) -> list[int]:
        nonlocal chunks
        chunks += 1
        refused = send(owner, numbers) if chunks < 2 or moment == "sent" else []
        if chunks == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return refused

    Redrive._send = wrapped  # type: ignore[method-assign, assignment]
    call_command("run_jobs")


if __name__ == "__main__":
    main()
