"""`python -m deploy.screenshots`: take pictures of every page, and the README's, from the real product under load."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, StorageState
from playwright.sync_api import Error as PageFailed

from deploy.bench.stack import Stack, fresh_stack, running_servers
from deploy.demo.client import Client, NotRunning, Refused
from deploy.local.process import DidNotStart
from deploy.local.processes import ROOT
from deploy.local.servers.server import CannotPrepare
from deploy.screenshots import site
from deploy.screenshots.browser import NoBrowser, chromium, open_page
from deploy.screenshots.pages import PAGES, SCHEMES, SETTLED, take
from deploy.screenshots.png import shrink
from deploy.screenshots.traffic import send_until

FOLDER = ROOT / "docs" / "images"
EVERY = ROOT / "var" / "screenshots"  # every page in four variants, to be looked at
README = ("overview", "sources", "dead-letters")  # the pages whose pictures stand in README.md
LARGEST = 200 * 1024  # bytes; README.md is opened over slow lines too


class NoLoad(Exception):
    """The load ended before the pictures were taken; the reason stands on stderr."""


class TooLarge(Exception):
    """A picture has more bytes than the README should cost."""


def main() -> None:
    options = _options()
    # So that a SIGTERM also stops what was started and removes its data.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        settings = site.environment()
        with running_servers() as servers, fresh_stack(servers, "screenshots", settings) as stack:
            site.prepare(stack)
            _start(stack)
            _take(stack, options, settings["DJANGO_SUPERUSER_PASSWORD"])
    except (CannotPrepare, DidNotStart, NoBrowser, NoLoad, NotRunning, Refused, TooLarge, PageFailed) as error:
        sys.exit(f"No pictures were taken: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.screenshots", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240, help="of load before the pictures (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the pictures (default docs/images)")
    parser.add_argument("--every", type=Path, default=EVERY, help="for those of every page (default var/screenshots)")
    return parser.parse_args()


def _start(stack: Stack) -> None:
    """Start all five processes, as `make run` does."""
    stack.start_ingest()
    stack.start_grpc()
    stack.start_jobs()
    stack.start_web()
    stack.start_consumer()


def _take(stack: Stack, options: argparse.Namespace, password: str) -> None:
    with under_load(stack.ingest_port) as load, chromium() as browser:
        address = f"http://127.0.0.1:{stack.web_port}"
        signed_in = site.begin(browser, address, password)
        load.join(options.seconds)
        pictures = _of_the_readme(browser, address, signed_in)
        for file in take(browser, address, options.every, signed_in):
            print(file, flush=True)
        if not load.is_alive():
            raise NoLoad("the load ended before them")
    for name, picture in pictures.items():
        _save(picture, options.folder / f"{name}.png")


def _of_the_readme(browser: Browser, address: str, signed_in: StorageState) -> dict[str, bytes]:
    pictures = {}
    for scheme in SCHEMES:
        page = open_page(browser, scheme, signed_in)
        for name in README:
            page.goto(f"{address}{PAGES[name]}")
            page.wait_for_timeout(SETTLED)
            pictures[f"{name}-{scheme}"] = page.screenshot()
        page.context.close()
    return pictures


@contextmanager
def under_load(port: int) -> Iterator[threading.Thread]:
    """Send events to that port in a thread until the block ends."""
    stopped = threading.Event()
    with Client("127.0.0.1", port) as client:
        load = threading.Thread(target=send_until, args=(stopped, client.post_events), daemon=True)
        load.start()
        try:
            yield load
        finally:
            stopped.set()
            load.join()


def _save(picture: bytes, file: Path) -> None:
    """Write a picture in as few bytes as it needs.

    :raises TooLarge: the picture must be taken of a smaller page or at a smaller scale
    """
    smaller = shrink(picture)
    if len(smaller) > LARGEST:
        raise TooLarge(f"{file.name} has {len(smaller):,} bytes, more than {LARGEST:,}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(smaller)
    print(f"{file}: {len(smaller):,} bytes", flush=True)


if __name__ == "__main__":
    main()
