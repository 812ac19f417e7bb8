"""Kafka's jars: downloaded once per user, kept in the cache folder for every checkout."""

from __future__ import annotations

import logging
import os
import tempfile
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
    """The jars could not be fetched; the next start tries again."""


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataflow" / f"kafka-{VERSION}"


def ensure() -> list[Path]:
    """Give the jars, in a fixed order; download them (44 MB) unless an earlier start did.

    Two at a time do no harm: the one that is ready first is taken.

    :raises DownloadFailed: there is no way to the repository
    """
    folder = cache_folder() / "jars"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            _download(folder)
        except (requests.RequestException, RuntimeError) as error:
            raise DownloadFailed(f"Kafka's jars could not be downloaded: {error}") from error
    return sorted(folder.glob("*.jar"))


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
        # In one step, so that half a download is never taken for a whole one.
        if not folder.is_dir():
            gathered.rename(folder)


def _resolve(repository: Path) -> list[Artifact]:
    context = MavenContext(repo_cache=repository)
    wanted, needed = context.resolver.resolve([context.create_dependency(one) for one in _WANTED])
    used = [one for one in needed if one.scope in {"compile", "runtime"}]
    return [one.artifact for one in (*wanted, *used)]
