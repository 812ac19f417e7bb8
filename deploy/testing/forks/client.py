"""Asks for forks: `ForkServer.start`, which returns what `subprocess.Popen` would."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from deploy.testing.forks.program import Program

# The settings of the product and what pytest notes of the test. Any other variable may mean something to Python or to a
# library before the fork.
_READ_AFTER_THE_FORK = (
    *("DATAFLOW_", "KAFKA_", "POSTGRES_", "MONGO_", "REDIS_", "PYTEST_"),
    *("API_SERVICE_", "GRPC_SERVICE_", "INGESTION_SERVICE_", "PROCESSOR_SERVICE_"),
)


class Fork:
    """A process that was forked: the part of `subprocess.Popen` that `deploy.local.process.Process` uses."""

    def __init__(self, pid: int, report: int) -> None:
        self.pid = pid
        self._report = report
        self._exit_code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code: None while the process runs, negative if a signal ended it."""
        with self._lock:
            if self._exit_code is None and select.select([self._report], [], [], 0)[0]:
                # Nothing, if the server was killed: then the kernel has sent all its forks their signal.
                self._exit_code = int(os.read(self._report, 16) or -signal.SIGKILL)
                os.close(self._report)
        return self._exit_code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        :raises subprocess.TimeoutExpired: it runs after `timeout` seconds
        """
        if self.poll() is None:
            select.select([self._report], [], [], timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            # Its end is reported a moment after it.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ForkServer:
    """A process with the packages of the product, from which its processes are forked."""

    def __init__(self, root: Path) -> None:
        """Start the process; it ends with this one."""
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "deploy.testing.forks.server", str(theirs.fileno())],
                cwd=root,
                env=self._env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Out of reach of Ctrl-C, whose signal its forks would get before they are asked to stop.
                start_new_session=True,
            )

    def can_start(self, command: Sequence[str], env: Mapping[str, str]) -> bool:
        """Return whether a fork is what the command would be: of the same Python in the same environment."""
        differing = {name for name, _ in env.items() ^ self._env.items() if not name.startswith(_READ_AFTER_THE_FORK)}
        return not differing and command[0] == sys.executable and (command[1] == "-m" or command[1].endswith(".py"))

    def start(
        self, command: Sequence[str], *, output: IO[bytes], env: Mapping[str, str], folder: Path, stop_signal: int
    ) -> Fork:
        """Start a Python program in a session of its own, with standard output and error in a file."""
        program = Program([*command[1:]], dict(env), str(folder), stop_signal)
        report, theirs = os.pipe()
        with self._lock:
            socket.send_fds(self._requests, [json.dumps(asdict(program)).encode()], [output.fileno(), theirs])
            os.close(theirs)
            return Fork(int(self._requests.recv(16)), report)

    def stop(self) -> None:
        """End the process, and with it whatever was forked and still runs."""
        self._requests.close()
        self._server.wait()
