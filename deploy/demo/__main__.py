"""`python -m deploy.demo`: send real weather readings, wait until they can be read, then keep a live feed going."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from deploy.demo import ill_sources, logic, weather
from deploy.demo.arrival import NotArrived, Outcome, outcome, read_back, wait_for_outcome
from deploy.demo.client import Client, NotRunning, Refused
from deploy.demo.progress import Progress
from processing.demo.sources import SOURCES

BATCH = 500  # events; large enough to be fast, small enough that the bar moves
ARRIVAL = 120.0  # seconds
LOCAL = "127.0.0.1"
FEED_EVERY = 0.5  # seconds between two readings of each replayed source


def main() -> int:
    """Send the events, wait until they are stored, then send a live feed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
    signal.signal(signal.SIGTERM, _stop)
    options = _options()
    try:
        receiver = Client(options.host, settings.INGESTION_SERVICE_PORT)
        web = Client(options.host, settings.API_SERVICE_PORT)
        with receiver, web:
            web.get("/healthz")
            if options.host == LOCAL:
                _apply_logic()
            _show(receiver, web, once=options.once)
    except NotRunning as error:
        print(f"Nothing listens at {error}. Start the product in another terminal with `make run`, then try again.")
    except (Refused, NotArrived) as error:
        print(f"The demo stopped: {error}.")
    except ImproperlyConfigured as error:
        print(f"A setting is wrong: {error}")
    except KeyboardInterrupt:
        print("\nThe feed is stopped; what was sent stays.")
        return 0
    else:
        return 0
    return 1


def _show(receiver: Client, web: Client, *, once: bool) -> None:
    events = weather.lines()
    print(_said(bring(receiver, web, events)))
    print(f"See them at {web.address}/ and {web.address}/sources/noaa.seattle.hourly/", flush=True)
    if once:
        return
    with _ill_sources(receiver):
        feed(receiver, events)


def _ill_sources(receiver: Client) -> AbstractContextManager[None]:
    if not receiver.address.startswith(f"http://{LOCAL}:"):
        return nullcontext()
    for source in SOURCES:
        print(f"  {source.name:<24}{source.about}", flush=True)
    print("`manage.py demo remove` disables these and discards their dead letters.", flush=True)
    return ill_sources.running(receiver.address)


def _apply_logic() -> None:
    try:
        print(f"Logic of the demo ({logic.FILE.name}): {logic.apply()}", flush=True)
    except logic.NotApplied as error:
        print(f"The events come in as they are, without the demo's logic: {error}", flush=True)


def bring(receiver: Client, web: Client, events: list[bytes]) -> Outcome:
    """Send every event, wait until all can be read, and return their outcomes.

    :raises NotArrived: they were acknowledged, yet can't be read
    """
    before = outcome(web, weather.REPLAYED)
    progress = Progress(len(events))
    for body in weather.batches(events, BATCH):
        receiver.post_events(body)
        progress.advance(body.count(b"\n") + 1)
    arrived = wait_for_outcome(web, weather.REPLAYED, before=before, count=len(events), seconds=ARRIVAL)
    readable = sum(1 for source in weather.REPLAYED for _ in read_back(web, source))
    if readable < len(events):
        raise NotArrived(f"only {readable:,} of {len(events):,} events can be read in GET /data")
    print(f"{readable:,} weather events can be read in GET /data")
    return arrived


def feed(receiver: Client, events: list[bytes]) -> NoReturn:
    """Send the next reading of each source as if it were measured now, until a signal arrives."""
    sources = ", ".join(weather.REPLAYED.values())
    print(f"Live feed: {sources}, a reading each every {FEED_EVERY} s (Ctrl-C stops it)", flush=True)
    receiver.post_events(weather.impossible_reading())
    readings = weather.replay(events)
    while True:
        receiver.post_events(next(readings))
        time.sleep(FEED_EVERY)


def _said(arrived: Outcome) -> str:
    said = f"{arrived.stored:,} were stored now, {arrived.duplicate:,} were there already"
    return f"{said}, {arrived.dead_lettered:,} became dead letters" if arrived.dead_lettered else said


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="send the file and stop, without the live feed")
    parser.add_argument("--host", default=LOCAL, help="where the product runs (default %(default)s)")
    return parser.parse_args()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
