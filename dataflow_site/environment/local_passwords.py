"""The passwords of the servers that `make run` starts: made once, in files of `var/` that only the user can read.

Any user of the machine reaches 127.0.0.1, and whoever writes to PostgreSQL or Redis decides what the product does.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from dataflow_site.environment.env import env
from dataflow_site.environment.local_ports import VAR


@dataclass(frozen=True, slots=True)
class LocalPassword:
    """The password of one server."""

    setting: str
    servers: tuple[str, ...]  # settings that name a server which runs already, and has a password of its own
    otherwise: str  # without a file
    data: str  # in the folder: what exists if the server has been started before

    def read(self, var: Path = VAR) -> str:
        """Return the password that is set, else the one that `make run` made in this folder."""
        found = None if self._is_elsewhere() else self._made(var)
        value = env.str(self.setting, found or self.otherwise)
        env.defaults[self.setting] = self.otherwise
        return value

    def make(self, var: Path) -> None:
        """Set the password for this process and its children; make it if the server has none yet."""
        if env.is_set(self.setting) or self._is_elsewhere():
            return
        if self._made(var) is None and not (var / self.data).exists():
            descriptor = os.open(self._file(var), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(24))
        os.environ[self.setting] = self._made(var) or self.otherwise

    def _is_elsewhere(self) -> bool:
        return any(env.is_set(name) for name in self.servers)

    def _made(self, var: Path) -> str | None:
        try:
            return self._file(var).read_text()
        # Of another user: who may not read it has to set the variable.
        except (FileNotFoundError, PermissionError):
            return None

    def _file(self, var: Path) -> Path:
        return var / f"{self.setting.lower().replace('_', '-')}"


# A data directory of an older release has the password that it was made with.
POSTGRES = LocalPassword("POSTGRES_PASSWORD", ("POSTGRES_HOST",), "dataflow", "postgres/data/PG_VERSION")
REDIS = LocalPassword("REDIS_PASSWORD", ("REDIS_ADDR", "REDIS_URL"), "", "no-data-is-kept")


def choose(var: Path) -> None:
    """Make what is missing. Call it before the settings are read, as `make run` does."""
    for password in (POSTGRES, REDIS):
        password.make(var)
