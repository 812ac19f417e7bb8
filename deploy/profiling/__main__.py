"""`make profile`: record the receiver and the consumer under load, print the functions that take the time.

Beside the tables a flame graph of each recording is written.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.bench import machine
from deploy.bench.load.sender import LoadFailed
from deploy.bench.stack import Stack, fresh_stack, running_servers
from deploy.bench.stores import NotExact
from deploy.bench.usage import Meter
from deploy.local.process import DidNotStart
from deploy.local.processes import ROOT
from deploy.local.servers.server import CannotPrepare
from deploy.profiling import flame_graph, recorder, stacks
from deploy.profiling.load import FORMS, Form, Load

FOLDER = ROOT / "var" / "profile"
PROCESSES = ("ingest", "consumer")
SETTLE = 2.0  # seconds of load before a recording
LIMIT = 600.0  # seconds for what the recording has left behind


@dataclass(frozen=True, slots=True)
class Profile:
    """The recording of one process."""

    title: str
    file: str  # of its flame graph
    stacks: stacks.Stacks
    cost: float  # CPU us/event

    def table(self) -> str:
        """Return its heading and table."""
        return f"{self.title}\n\n{stacks.table(stacks.self_times(self.stacks), cost=self.cost)}\n"


def main() -> None:
    """Record each process under each form of load."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{machine.describe()}; {options.seconds} s each\n", flush=True)
    try:
        recorder.check()
        with running_servers() as servers, fresh_stack(servers, "profile") as stack:
            for profile in _profiles(stack, options.seconds, folder):
                (folder / profile.file).write_text(flame_graph.draw(profile.stacks, title=profile.title))
                print(profile.table(), flush=True)
    except (recorder.CannotAttach, LoadFailed, NotExact, DidNotStart, CannotPrepare) as error:
        sys.exit(f"The profile stopped: {error}")
    print(f"Flame graphs: {folder}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.profiling", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each recording (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the flame graphs (default %(default)s)")
    return parser.parse_args()


def _profiles(stack: Stack, seconds: int, folder: Path) -> Iterator[Profile]:
    stack.start_ingest()
    sent = stack.warm_up()
    for key, form in FORMS.items():
        with Load(form, port=stack.ingest_port) as load:
            time.sleep(SETTLE)
            yield from _record(stack, load, form, seconds, folder / key)
        sent += load.sent
        stack.stores.wait_until_settled(sent, seconds=LIMIT, alive=stack.consumer_alive)


def _record(stack: Stack, load: Load, form: Form, seconds: int, file: Path) -> list[Profile]:
    """Record both processes at the same time."""
    pids = {process: stack.pids[process] for process in PROCESSES}
    sent, settled = load.sent, stack.stores.settled()
    with Meter(pids) as meter:
        recordings = {
            process: recorder.Recording(pid, seconds=seconds, file=file.with_name(f"{process}-{file.name}.txt"))
            for process, pid in pids.items()
        }
        recorded = {process: recording.stacks() for process, recording in recordings.items()}
    events = {"ingest": load.sent - sent, "consumer": stack.stores.settled() - settled}
    costs = {process: meter.cpu[process] / max(1, events[process]) * 1e6 for process in PROCESSES}
    return [
        Profile(
            f"{process}, {form.name}: {costs[process]:.1f} µs of CPU an event",
            f"{process}-{file.name}.svg",
            stacks.on_cpu(text),
            costs[process],
        )
        for process, text in recorded.items()
    ]


if __name__ == "__main__":
    main()
