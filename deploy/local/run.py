"""Runs the whole product on this machine: `make run`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured

from dataflow_site.checks import findings
from dataflow_site.checks.connections import mongodb
from dataflow_site.environment import local_passwords
from deploy.local import lock, log_rotation, plan, port_shift, ports, processes
from deploy.local.console import Line, LogTail, say, table
from deploy.local.process import DidNotStart, Process
from deploy.local.servers import given
from deploy.local.servers.server import CannotPrepare, Server

OPERATOR = "operator"
WRONG_SETTINGS = 2  # the exit code, as of every command
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a process is started again
STEADY = 60.0  # seconds after which a process counts as healthy again
CHECK_INTERVAL = 0.2  # seconds between two checks of logs and processes


class StopRequested(BaseException):
    """A signal arrived: everything has to be stopped."""


class CannotStart(Exception):
    """The product cannot start. The text says why."""


class WrongSettings(CannotStart):
    """A setting is wrong, or names a server that can't be used."""


class Runner:
    """One process of the product: starts it, and restarts it after a pause when it ends."""

    def __init__(self, spec: processes.ProcessSpec, port: int, logs: Path) -> None:
        self.name = spec.name
        self.port = port
        self._spec = spec
        self._log = _fresh_log(logs / f"{spec.name}.log")
        self._tail = LogTail(spec.name, self._log)
        self._pause = FIRST_PAUSE
        self._launched = 0.0
        self._due: float | None = None
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """Return the address for the table."""
        return f"{self._spec.scheme}://{ports.HOST}:{self.port}"

    def launch(self) -> None:
        """Start the process without waiting until it is ready."""
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **self._spec.settings(self.port)}
        self.process = Process(self._spec.command(self.port), log=self._log, env=env, cwd=processes.ROOT)
        self._launched = time.monotonic()
        self._due = None

    def await_ready(self) -> None:
        """Wait until the process is ready.

        :raises DidNotStart: it ended or was not ready in time
        """
        assert self.process is not None
        self.process.await_ready(lambda: self._spec.is_ready(self.port), seconds=60, name=self.name)

    def look(self) -> None:
        """Print its new log lines, and restart it when it has ended and its pause is over."""
        self.show_log()
        assert self.process is not None
        if self.process.running:
            return
        if self._due is None:
            self._plan_restart(self.process.exit_code)
        elif time.monotonic() >= self._due:
            self.launch()
            say(self.name, "started again")

    def show_log(self) -> None:
        """Print the new lines of its log, and keep it small."""
        self._tail.show_new()
        if log_rotation.rotate(self._log):
            self._tail.start_over()

    def _plan_restart(self, code: int | None) -> None:
        steady = time.monotonic() - self._launched > STEADY
        pause = FIRST_PAUSE if steady else self._pause
        self._pause = min(pause * 2, LONGEST_PAUSE)
        self._due = time.monotonic() + pause
        say(self.name, f"{_ending(code)}; starting it again in {pause:.0f} s")


class Launcher:
    """Starts the servers and processes of a plan, watches them and stops them."""

    def __init__(self, todo: plan.Plan, var: Path) -> None:
        self._plan = todo
        self._var = var
        logs = var / "log"
        logs.mkdir(exist_ok=True)
        self._runners = [Runner(spec, port, logs) for spec, port in todo.processes]
        self._lines = [Line(name, "given", address, None) for name, address in todo.given]

    def run(self) -> NoReturn:
        """Start everything in order, then restart what ends until a signal arrives."""
        self._start_servers()
        self._prepare_stores()
        self._start_product()
        password = self._make_operator()
        print(f"\n{table(self._lines)}\n")
        if password:
            print(f"Sign in at http://{ports.HOST}:{self._plan.entry}/sign-in/ as `{OPERATOR}`")
            print(f"with the password `{password}` (shown this once; made for this machine).\n")
        print(f"Open http://{ports.HOST}:{self._plan.entry}/ (Ctrl-C stops everything)\n", flush=True)
        while True:
            for runner in self._runners:
                runner.look()
            for server in self._servers():
                self._look_after(server)
            time.sleep(CHECK_INTERVAL)

    def stop(self) -> None:
        """Stop the product, which finishes its work, then the servers."""
        say("launcher", "stopping")
        product = [runner.process for runner in self._runners if runner.process]
        for process in product:
            process.ask_to_stop()
        for process in product:
            process.stop()
        for server in self._plan.ours:
            server.ask_to_stop()
        for server in self._plan.ours:
            server.stop()
        for runner in self._runners:
            if runner.process:
                runner.show_log()
        say("launcher", "everything is stopped")

    def _servers(self) -> list[Server]:
        return [member for server in self._plan.ours for member in server.members]

    def _start_servers(self) -> None:
        begun: dict[str, float] = {}
        for server in self._plan.ours:
            begun[server.name] = time.monotonic()
            server.prepare()
            server.launch()
        for server in self._plan.ours:
            server.await_ready()
            took = time.monotonic() - begun[server.name]
            self._lines.append(Line(server.name, "started", server.address, took))
            say("launcher", f"{server.name} is ready")

    def _prepare_stores(self) -> None:
        begun = time.monotonic()
        say("launcher", "preparing tables, topics and indexes")
        _manage("migrate", "--verbosity", "0")
        _manage("prepare_stores")
        self._lines.append(Line("stores", "prepared", "-", time.monotonic() - begun))

    def _make_operator(self) -> str | None:
        """Create the operator's account once; return its password if it was created now."""
        made = self._var / "operator-made"
        if made.exists():
            return None
        password = secrets.token_urlsafe(12)
        options = ("--noinput", "--username", OPERATOR, "--email", f"{OPERATOR}@localhost")
        try:
            _manage("createsuperuser", *options, env={"DJANGO_SUPERUSER_PASSWORD": password})
        except CannotStart as error:
            if "already taken" not in str(error):
                raise
            password = ""
        made.touch()
        return password or None

    def _start_product(self) -> None:
        begun = time.monotonic()
        for runner in self._runners:
            runner.launch()
        for runner in self._runners:
            runner.await_ready()
            self._lines.append(Line(runner.name, "ready", runner.url, time.monotonic() - begun))

    def _look_after(self, server: Server) -> None:
        log_rotation.rotate(server.process.log_path)
        if not server.running:
            say(server.name, f"{_ending(server.process.exit_code)}; starting it again")
            server.launch()
            server.await_ready()
            say(server.name, "started again")


def _manage(*arguments: str, env: dict[str, str] | None = None) -> None:
    """:raises CannotStart: the command failed; the text is its output"""
    command = [sys.executable, str(processes.ROOT / "manage.py"), *arguments]
    result = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise CannotStart(f"`manage.py {arguments[0]}` failed:\n{said}")


def _ending(code: int | None) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"


def _fresh_log(path: Path) -> Path:
    """Start an empty log and keep the one of the previous run beside it."""
    if path.exists():
        path.replace(log_rotation.old(path))
    return path


def _request_stop(number: int, frame: FrameType | None) -> NoReturn:
    # The stop has begun, so further signals are ignored.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise StopRequested


def _show_progress() -> None:
    """Print the log messages of `deploy`, which report downloads."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("launcher   | %(message)s"))
    logger = logging.getLogger("deploy")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def main() -> int:
    """Run the product until a signal arrives, and return the exit code."""
    # Tests have a folder of their own.
    var = Path(sys.argv[1]) if len(sys.argv) > 1 else lock.VAR
    return run_until_signal(var, lambda: _plan(var))


def run_until_signal(var: Path, make_plan: Callable[[], plan.Plan]) -> int:
    """Run what is planned until a signal arrives, and return the exit code.

    :param make_plan: called with the folder locked; sets the environment before the settings are read
    """
    _show_progress()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    try:
        with lock.take(var):
            return _run(make_plan(), var)
    except lock.AlreadyRunning as error:
        print(error)
    except StopRequested:
        return 0
    except WrongSettings as error:
        print(error)
        return WRONG_SETTINGS
    except ImproperlyConfigured as error:
        print(f"A setting is wrong: {error}")
        return WRONG_SETTINGS
    except (CannotStart, CannotPrepare, DidNotStart) as error:
        print(error)
    except PermissionError as error:
        print(f"var/ belongs to another user ({error}): run as that user, or remove it.")
    return 1


def _plan(var: Path) -> plan.Plan:
    port_shift.choose(var)
    local_passwords.choose(var)
    if wrong := findings.errors(findings.collect(mongodb)):
        raise WrongSettings("\n".join(wrong))
    todo = plan.make_plan(var)
    if unusable := given.problems(todo.given):
        raise WrongSettings("\n".join(unusable))
    if taken := plan.taken_ports(todo):
        raise CannotStart("\n".join(taken))
    return todo


def _run(todo: plan.Plan, var: Path) -> int:
    launcher = Launcher(todo, var)
    try:
        launcher.run()
    finally:
        launcher.stop()


if __name__ == "__main__":
    sys.exit(main())
