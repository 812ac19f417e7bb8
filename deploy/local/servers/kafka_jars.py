"""Downloads Kafka's jars once per user into a cache folder that all checkouts share, and checks what they are.

`python -m deploy.local.servers.kafka_jars` writes the checksums of another VERSION; compare the change with a second source.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext
from jgo.parse import Coordinate

from deploy.local import bootstrap

VERSION = "4.3.1"
_WANTED = (
    Coordinate(groupId="org.apache.kafka", artifactId="kafka_2.13", version=VERSION, scope="compile"),
    # Makes Kafka's warnings readable; without it they go nowhere.
    Coordinate(groupId="org.slf4j", artifactId="slf4j-simple", version="1.7.36", scope="compile"),
)

# As `sha256sum` writes them. Whoever serves the jars serves checksums that fit, so ours are kept here.
CHECKSUMS = Path(__file__).with_suffix(".sha256")

logger = logging.getLogger(__name__)


class DownloadFailed(Exception):
    """The jars could not be downloaded. The next start tries again."""


class WrongJars(DownloadFailed):
    """A file is not the one that was checked when this version was taken, or one is missing; nothing of it is run."""


def cache_folder() -> Path:
    """Return the folder of this Kafka version in the user's cache."""
    return bootstrap.user_cache(f"kafka-{VERSION}")


def check(folder: Path) -> None:
    """Check that a folder holds the jars that CHECKSUMS lists, and no other.

    :raises WrongJars: it does not
    """
    listed = CHECKSUMS.read_text().splitlines()
    found = checksums(folder)
    if found != listed:
        wrong = sorted({line.split()[1] for line in set(found) ^ set(listed)})
        raise WrongJars(
            f"Kafka's files in {folder} are not those of {CHECKSUMS.name}: {', '.join(wrong[:3])}. "
            "Remove the folder; if it happens again, somebody serves other files than were published"
        )


def checksums(folder: Path) -> list[str]:
    """Return a line for each jar of a folder: its checksum and its name."""
    jars = sorted(folder.glob("*.jar"), key=lambda jar: jar.name)
    return [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}" for jar in jars]


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
    :raises WrongJars: they are not those that this version was checked with
    """
    folder = cache_folder() / "jars"
    if not folder.is_dir():
        with locked_cache():
            _download_if_missing(folder)
    return list(_checked(folder))


@cache
def _checked(folder: Path) -> tuple[Path, ...]:
    # Once per process: it reads all of them, in a tenth of a second.
    check(folder)
    return tuple(sorted(folder.glob("*.jar")))


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
        gathered = Path(temporary) / "gathered"
        _gather(_resolve(Path(temporary)), gathered)
        check(gathered)
        # In one step: the folder exists only when the download is complete.
        gathered.rename(folder)


def _gather(artifacts: list[Artifact], folder: Path) -> None:
    """Download the files into a folder."""
    folder.mkdir()
    for number, artifact in enumerate(artifacts, start=1):
        path = artifact.resolve()
        path.rename(folder / path.name)
        if number % 10 == 0 or number == len(artifacts):
            logger.info("Kafka %s: %d of %d files downloaded", VERSION, number, len(artifacts))


def _resolve(repository: Path) -> list[Artifact]:
    context = MavenContext(repo_cache=repository)
    wanted, needed = context.resolver.resolve([context.create_dependency(one) for one in _WANTED])
    used = [one for one in needed if one.scope in {"compile", "runtime"}]
    return [one.artifact for one in (*wanted, *used)]


def main() -> None:
    """Download the jars of VERSION and write their checksums."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "jars"
        _gather(_resolve(Path(temporary)), folder)
        CHECKSUMS.write_text("".join(f"{line}\n" for line in checksums(folder)))


if __name__ == "__main__":
    main()
