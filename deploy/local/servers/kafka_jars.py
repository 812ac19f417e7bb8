"""Downloads Kafka's jars once per user into a cache folder that all checkouts share."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext
from jgo.parse import Coordinate

VERSION = "4.3.1"
_WANTED = (
    Coordinate(groupId="org.apache.kafka", artifactId="kafka_2.13", version=VERSION, scope="compile"),
    # Makes Kafka's warnings readable; without it they go nowhere.
    Coordinate(groupId="org.slf4j", artifactId="slf4j-simple", version="1.7.36", scope="compile"),
)

logger = logging.getLogger(__name__)


class DownloadFailed(Exception):
    """The jars could not be downloaded. The next start tries again."""


def cache_folder() -> Path:
    """Return the folder of this Kafka version in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataflow" / f"kafka-{VERSION}"


@contextmanager
def locked_cache() -> Iterator[None]:
    """Hold the cache folder's lock for a block: starts at the same time fill the cache once."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure() -> list[Path]:
    """Return the jars in a fixed order. The first start downloads them (44 MB).

    :raises DownloadFailed: the repository cannot be reached
    """
    folder = cache_folder() / "jars"
    if not folder.is_dir():
        with locked_cache():
            _download_if_missing(folder)
    return sorted(folder.glob("*.jar"))


def _download_if_missing(folder: Path) -> None:
    if folder.is_dir():
        return
    try:
        _download(folder)
    except (requests.RequestException, RuntimeError) as error:
        raise DownloadFailed(f"Kafka's jars could not be downloaded: {error}") from error


def _download(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        logger.info("Kafka %s: finding out which files it needs", VERSION)
        artifacts = _resolve(Path(temporary))
        gathered = Path(temporary) / "gathered"
        gathered.mkdir()
        for number, artifact in enumerate(artifacts, start=1):
            # jgo compares each with the checksum that the repository gives.
            path = artifact.resolve()
            path.rename(gathered / path.name)
            if number % 10 == 0 or number == len(artifacts):
                logger.info("Kafka %s: %d of %d files downloaded", VERSION, number, len(artifacts))
        # In one step: the folder exists only when the download is complete.
        gathered.rename(folder)


def _resolve(repository: Path) -> list[Artifact]:
    context = MavenContext(repo_cache=repository)
    wanted, needed = context.resolver.resolve([context.create_dependency(one) for one in _WANTED])
    used = [one for one in needed if one.scope in {"compile", "runtime"}]
    return [one.artifact for one in (*wanted, *used)]
