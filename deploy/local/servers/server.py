"""The base of all local servers: prepare, start with a port and a folder, stop, freeze."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from deploy.local import ports
from deploy.local.process import Process


class CannotPrepare(Exception):
    """This machine lacks something. The text says what, and what to do."""


class Server:
    """One server on 127.0.0.1 with its data and `server.log` in a folder of its own.

    `start` = `prepare` (repeatable, may download; any thread), `launch` (main thread) and `await_ready`.
    """

    name: ClassVar[str]
    variable: ClassVar[str]  # if set in the environment, it names a running server to use instead
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    patience: ClassVar[float] = 60.0  # seconds until a start counts as failed; long enough for crash recovery

    def __init__(self, *, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        self._process: Process | None = None
        self._is_untouched = False

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"{ports.HOST}:{self.port}"

    @property
    def process(self) -> Process:
        """Return the process of the server."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self._process.running

    @property
    def is_untouched(self) -> bool:
        """Return whether it has been ready, and was neither stopped nor frozen since."""
        return self._is_untouched and self.running

    @property
    def log(self) -> str:
        """Return everything that the server has logged."""
        return self.process.log

    def start(self) -> None:
        """Prepare and start the server and wait until it is ready.

        :raises CannotPrepare: this machine lacks something
        :raises DidNotStart: it ended or was not ready in time
        """
        self.prepare()
        self.launch()
        self.await_ready()

    def prepare(self) -> None:
        """Prepare the folder for `launch`.

        :raises CannotPrepare: this machine lacks something
        """
        self.folder.mkdir(parents=True, exist_ok=True)

    def launch(self) -> None:
        """Start the server without waiting until it is ready."""
        self._is_untouched = False
        self._process = Process(
            self.command(),
            log=self.folder / "server.log",
            env=self.environment(),
            cwd=self.folder,
            stop_signal=self.stop_signal,
            user=self.system_user(),
        )

    def await_ready(self) -> None:
        """Wait until it is ready.

        :raises DidNotStart: it ended or was not ready in time
        """
        self.process.await_ready(self.answers, seconds=self.patience, name=self.name)
        self._is_untouched = True

    def command(self) -> list[str]:
        """Return the command line of the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str] | None:
        """Return the environment of the server; None is that of this process."""
        return None

    def system_user(self) -> str | None:
        """Return the user to run as; None is the current user."""
        return None

    def answers(self) -> bool:
        """Return whether it is ready."""
        return ports.answers(ports.HOST, self.port)

    @property
    def members(self) -> Sequence[Server]:
        """Return the servers that it consists of, of which each has a process."""
        return (self,)

    def ask_to_stop(self) -> None:
        """Send the stop signal, if it runs, without waiting for the end."""
        self._is_untouched = False
        if self.running:
            self.process.ask_to_stop()

    def stop(self, seconds: float = 25.0) -> None:
        """Stop it. It is killed if it takes longer than `seconds`."""
        if self._process is not None:
            self._process.stop(seconds)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()

    def freeze(self) -> None:
        """Stop it with SIGSTOP: its sockets stay open but nothing answers."""
        self._is_untouched = False
        self.process.freeze()

    def thaw(self) -> None:
        """Resume it after `freeze`."""
        self.process.thaw()


def missing_package(server: type[Server], package: str) -> CannotPrepare:
    """Return the error for a platform without a wheel, or an environment without requirements-local.txt."""
    return CannotPrepare(
        f"{server.name} can't be started here: the package {package} is not installed (platform {sys.platform}). "
        f"Set {server.variable} to the address of one that runs, or use `docker compose up`."
    )
