"""Pins the images of the Dockerfile and of docker-compose.yml by digest: `python3 -m deploy.docker.pin`.

It needs docker with buildx and the network. Run it again to move to what a tag names by now.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = (ROOT / "deploy/docker/Dockerfile", ROOT / "docker-compose.yml")
# `FROM name:tag` and `image: name:tag`, with or without a digest; our own image has no tag.
_IMAGE = re.compile(r"^(?P<before>FROM |\s+image: )(?P<tag>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def main() -> None:
    """Write the digests of all images into the files."""
    for file in FILES:
        file.write_text(pinned(file.read_text(), look_up))


def pinned(text: str, digest_of: Callable[[str], str]) -> str:
    """Return the text with the digest behind each image's tag."""
    return _IMAGE.sub(lambda found: f"{found['before']}{found['tag']}@{digest_of(found['tag'])}", text)


def look_up(tag: str) -> str:
    """Return the digest that a tag names now, over all platforms; end the program if there is none."""
    command = ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{.Manifest.Digest}}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit("docker is not installed.")
    digest = found.stdout.strip()
    if found.returncode != 0 or not _DIGEST.fullmatch(digest):
        sys.exit(f"{tag}: {found.stderr.strip() or digest}")
    print(f"{tag}  {digest}", flush=True)
    return digest


if __name__ == "__main__":
    main()
