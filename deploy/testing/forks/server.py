"""The process that is forked: `python -m deploy.testing.forks.server SOCKET`, with the number of its open socket.

It loads the packages of others that the processes of the product import, which takes most of the time and of the CPU
of their start, and nothing of the project: that reads its settings from the environment, which differs. Each message
holds a program, the file for its output and a pipe for its exit code. The answer is the process id.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys

from deploy.testing.forks.program import Program

LONGEST = 1 << 17  # bytes of a message: an environment and a command
# They read no settings of Django and start no thread when they are imported.
PACKAGES = (
    *("django.core.management", "django.core.validators", "django.db.backends.postgresql.base", "django.test.signals"),
    *("kafka", "kafka.admin", "psycopg_pool", "pymongo", "mongoengine", "redis.asyncio"),
    *("uvicorn.main", "uvicorn.loops.uvloop", "websockets", "msgspec.json", "jsonschema_rs", "re2", "yaml"),
    *("prometheus_client", "zstandard", "snappy"),
)


def main() -> None:
    """Fork a process for each message, and become its program in the fork; end with the other end of the socket."""
    load()
    # The collector of each fork would touch all of it, which copies its pages: half the CPU of a start.
    gc.collect()
    gc.freeze()
    if program := Server(socket.socket(fileno=int(sys.argv[1]))).serve():
        program.run()


def load() -> None:
    """Load the packages."""
    for name in PACKAGES:
        importlib.import_module(name)


class Server:
    """Forks processes, and reports how each ended."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._reports: dict[int, int] = {}  # the pipe for the exit code, by process id
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> Program | None:
        """Return the program to run in each fork; in the process itself nothing, when nobody can ask any more."""
        requests = self._requests.fileno()
        while True:
            ready, _, _ = select.select([requests, self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 1024)
                self._report()
            if requests in ready:
                message, files, _, _ = socket.recv_fds(self._requests, LONGEST, 2)
                if not message:
                    return None
                if program := self._fork(Program(**json.loads(message)), *files):
                    return program

    def _fork(self, program: Program, output: int, report: int) -> Program | None:
        parent = os.getpid()
        if (pid := os.fork()) == 0:
            self._requests.detach()
            program.settle(output, parent)
            return program
        os.close(output)
        self._reports[pid] = report
        self._requests.send(str(pid).encode())
        return None

    def _report(self) -> None:
        while self._reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            report = self._reports.pop(pid)
            os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(report)


if __name__ == "__main__":
    main()
