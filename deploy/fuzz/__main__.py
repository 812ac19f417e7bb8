"""`python -m deploy.fuzz`: send mutated requests to real processes for minutes; any 5xx, missing response or memory growth is a failure.

The ingest process gets what its receivers read, the web process every address of the site, with an operator's session. At the
end both get requests that are made of the OpenAPI document, which has to allow the answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import django
import psutil

from deploy.bench.stack import START_PATIENCE, Stack, fresh_stack, running_servers

# The addresses of the site are Django's; what is read of its settings is not about any server.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
django.setup()

from deploy.fuzz import contract, site_access  # noqa: E402
from deploy.fuzz.live_feed import send_messages  # noqa: E402
from deploy.fuzz.sender import Report, Surprise, exchange, send  # noqa: E402
from deploy.fuzz.site_wires import site_wires  # noqa: E402
from deploy.fuzz.wires import bent  # noqa: E402
from queries.openapi import document  # noqa: E402

CONNECTIONS = 16
SITE_CONNECTIONS = 6  # pages cost more, and fewer than the pool has connections to PostgreSQL
SHORTEST_PATIENCE = {"DATAFLOW_HEADER_SECONDS": "0.5", "DATAFLOW_BODY_SECONDS": "0.5"}
READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the time; memory counts from the first on
MOST_GROWTH = 20  # MB


@dataclass(slots=True)
class Target:
    """A process, what it answered, and its memory in MB after each share of the time."""

    name: str
    port: int
    process: psutil.Process
    report: Report
    memory: list[float] = field(default_factory=list)

    def measure(self, seconds: float) -> None:
        """Note the memory and print how far it is."""
        self.memory.append(self.process.memory_info().rss / 1e6)
        print(f"{seconds:5.0f} s: {self.name}: {self.report.sent:,} answers, {self.memory[-1]:.1f} MB", flush=True)

    def conclude(self) -> bool:
        """Print the summary and return whether the memory is flat."""
        growth = self.memory[-1] - self.memory[0]
        statuses = ", ".join(
            f"{status or 'closed'}: {count:,}" for status, count in sorted(self.report.statuses.items())
        )
        print(f"{self.name}: {statuses}\n  memory grew by {growth:.1f} MB after the first {SHARES[0]:.0%} of the time")
        return growth <= MOST_GROWTH


def main() -> None:
    """Send invalid requests for as long as asked; the exit code is 1 if a reply or the memory was wrong."""
    options = _options()
    print(f"seed {options.seed}, {options.seconds} s, {CONNECTIONS} + {SITE_CONNECTIONS} connections", flush=True)
    settings = {**SHORTEST_PATIENCE, **site_access.ENVIRONMENT}
    with TemporaryDirectory() as folder, running_servers() as servers, fresh_stack(servers, "fuzz", settings) as stack:
        stack.start_ingest()
        stack.start_web()
        key = site_access.prepare(stack)
        try:
            is_well = asyncio.run(_run(stack, key, options.seed, options.seconds))
        except* Surprise as found:
            first = found.exceptions[0]
            while isinstance(first, ExceptionGroup):
                first = first.exceptions[0]
            sys.exit(f"{first}\nthe request: {getattr(first, 'wire', b'')[:2000]!r}")
        unlike = [] if options.examples == 0 else _compare(stack, f"Bearer {key}", Path(folder), options)
        print("\n".join(unlike), flush=True)
    sys.exit(bool(unlike) or not is_well)


def _compare(stack: Stack, key: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Return what schemathesis says of each port whose answers are not as the document says."""
    ports = [
        contract.Port(
            url=f"http://localhost:{stack.ingest_port}", key=key, only=contract.RECEIVERS, is_linked=False, is_open=True
        ),
        contract.Port(url=f"http://localhost:{stack.web_port}", key=key, is_open=True),
    ]
    found = [
        contract.compare(port, document.whole(), folder, examples=options.examples, seed=options.seed) for port in ports
    ]
    return list(filter(None, found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default %(default)s)")
    parser.add_argument(
        "--examples",
        type=int,
        default=50,
        help="requests to each address by the OpenAPI document (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same seed sends the same requests")
    return parser.parse_args()


async def _run(stack: Stack, key: str, seed: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    receiver = Target("ingest", stack.ingest_port, psutil.Process(stack.pids["ingest"]), Report())
    site = Target("web", stack.web_port, psutil.Process(stack.pids["web"]), Report(pages=True))
    for target in (receiver, site):
        await _until_ready(target.port)
    began, wires = loop.time(), bent(seed)
    for number, share in enumerate(SHARES):
        until = began + share * seconds
        # Anew, since a request may have ended the session.
        pages = site_wires(seed + number, await asyncio.to_thread(site_access.sign_in, site.port, key))
        async with asyncio.TaskGroup() as group:
            group.create_task(send(wires, receiver.port, receiver.report, until=until, connections=CONNECTIONS))
            group.create_task(send(pages, site.port, site.report, until=until, connections=SITE_CONNECTIONS))
            group.create_task(send_messages(site.port, seed + number, site.report, until=until))
        for target in (receiver, site):
            target.measure(loop.time() - began)
    are_flat = [target.conclude() for target in (receiver, site)]
    return all(are_flat)


async def _until_ready(port: int) -> None:
    """Wait until the process has found its servers; until then its readiness is a 503."""
    for _ in range(int(START_PATIENCE)):
        if (await exchange(READY, port)).startswith(b"HTTP/1.1 200 "):
            return
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    main()
