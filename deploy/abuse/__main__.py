"""`python -m deploy.abuse`: attack one real product in every known way, one after the other; print what a neighbour noticed.

The exit code is 1 if the neighbour's success, its p99 or the memory of a process left the bounds of `table`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import django
import psutil

from deploy.bench.stack import Stack, fresh_stack, running_servers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
django.setup()

from deploy.abuse import assault, table  # noqa: E402
from deploy.abuse.neighbour import Neighbour  # noqa: E402
from deploy.abuse.table import Result  # noqa: E402
from deploy.abuse.target import ATTACKER, NEIGHBOURS, Target  # noqa: E402
from deploy.fuzz import site_access  # noqa: E402

CALM = "nothing"
REST = 3.0  # seconds between two attacks
SETTINGS = {"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_OPEN_READ": "0", **site_access.ENVIRONMENT}
MEASURED = ("ingest", "grpc", "web", "consumer")


def main() -> None:
    """Carry out the attacks and print the table."""
    options = _options()
    with running_servers() as servers, fresh_stack(servers, "abuse", SETTINGS) as stack:
        for start in (stack.start_ingest, stack.start_grpc, stack.start_web, stack.start_consumer, stack.start_jobs):
            start()
        target, neighbour = _prepare(stack)
        results = asyncio.run(_run(stack, target, neighbour, options.only or list(assault.ATTACKS), options.seconds))
    print("\n".join(table.lines(results, neighbour.kinds, MEASURED)))
    sys.exit(any(result.faults for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.abuse", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long in all (default %(default)s)")
    parser.add_argument("--only", action="append", choices=list(assault.ATTACKS), help="this attack; may be repeated")
    return parser.parse_args()


def _prepare(stack: Stack) -> tuple[Target, Neighbour]:
    site_access.prepare(stack)
    target = Target(
        ingest=stack.ingest_port,
        grpc=stack.grpc_port,
        web=stack.web_port,
        consumer=stack.consumer_port,
        key=stack.create_key("--source", ATTACKER, "--rate", "300:60"),
        free_key=stack.create_key(),
        slow_key=stack.create_key("--source", ATTACKER, "--rate", "1:60"),
        reader=stack.create_key("--source", ATTACKER, "--scope", "read"),
        cookies=site_access.sign_in(stack.web_port, "").cookie,
    )
    own = [word for source in NEIGHBOURS for word in ("--source", source)]
    key = stack.create_key(*own)
    return target, Neighbour(
        target, key, stack.create_key(*own, "--scope", "read"), site_access.sign_in(stack.web_port, "").cookie
    )


async def _run(stack: Stack, target: Target, neighbour: Neighbour, names: list[str], seconds: float) -> list[Result]:
    loop = asyncio.get_running_loop()
    each = seconds / (len(names) + 1) - REST
    life = loop.create_task(neighbour.live())
    results = []
    await asyncio.wait([life], timeout=REST)
    for name in [CALM, *names]:
        began, before, peak = loop.time(), _memory(stack), dict[str, int]()
        attacker = None if name == CALM else assault.start(name, target, each)
        while loop.time() < began + each:
            await asyncio.sleep(0.25)
            peak = {key: max(value, peak.get(key, 0)) for key, value in _memory(stack).items()}
        ended = loop.time()
        if attacker and not await asyncio.to_thread(assault.finish, attacker):
            sys.exit(f"the attack “{name}” could not be carried out")
        shares = {what: neighbour.share(what, began, ended) for what in neighbour.kinds}
        results.append(Result(name, shares, before, peak))
        print(f"{name}: {'; '.join(results[-1].faults) or 'within the bounds'}", flush=True)
        if life in (await asyncio.wait([life], timeout=REST))[0]:
            life.result()  # raises what ended it
    life.cancel()
    return results


def _memory(stack: Stack) -> dict[str, int]:
    """Return the resident bytes of the product's processes that run."""
    found = {}
    for name in MEASURED:
        pid = stack.pids.get(name)
        if pid is not None:
            process = psutil.Process(pid)
            found[name] = sum(part.memory_info().rss for part in [process, *process.children(recursive=True)])
    return found


if __name__ == "__main__":
    main()
