"""The neighbour notices what goes wrong, and an attack is carried out beside it."""

from __future__ import annotations

import asyncio
import math
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from deploy.abuse import assault, table
from deploy.abuse.neighbour import Neighbour, Share
from deploy.abuse.table import Result
from deploy.abuse.target import NEIGHBOURS, Target
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.models import Scope

SECONDS = 4.0
CLOSED = {"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_OPEN_READ": "0"}


def result(share: Share, *, peak: int = 100) -> Result:
    return Result("an attack", {"GET /data": share}, {"web": 100}, {"web": peak})


def test_a_neighbour_that_is_served_as_before_is_within_the_bounds() -> None:
    calm = result(Share(attempts=100, succeeded=100, p50=0.01, p99=0.02))

    assert not calm.faults
    assert table.lines([calm], ["GET /data"], ["web"])[-1] == "| an attack | 100 %, 20 ms | 0 → 0 | – |"


def test_failures_slowness_growth_and_an_end_are_outside_of_the_bounds() -> None:
    assert result(Share(attempts=100, succeeded=90, p50=0.01, p99=0.02)).faults == ["GET /data: 90 %"]
    assert result(Share(attempts=100, succeeded=100, p50=0.01, p99=9.0)).faults == ["GET /data: p99 9.0 s"]
    assert result(Share(attempts=9, succeeded=0, p50=math.nan, p99=math.nan)).faults == ["GET /data: 0 %"]
    assert result(Share(9, 9, 0.1, 0.1), peak=300_000_101).faults == ["web grew by 300 MB"]
    assert Result("an attack", {}, {"web": 100}, {}).faults == ["web ended"]


@pytest.mark.services
@pytest.mark.faults
async def test_a_neighbour_beside_an_attack_succeeds_in_all_it_does(site: Deployment) -> None:
    target, neighbour = await asyncio.to_thread(prepare, site)

    life = asyncio.create_task(neighbour.live())
    began = asyncio.get_running_loop().time()
    attacker = assault.start("silent peers", target, SECONDS)
    carried_out = await asyncio.to_thread(assault.finish, attacker)
    ended = asyncio.get_running_loop().time()
    life.cancel()

    assert carried_out
    shares = {what: neighbour.share(what, began, ended) for what in neighbour.kinds}
    assert set(shares) >= {"POST /ingest", "gRPC Ingest", "GET /data", "live feed", "health of consumer"}
    assert {
        what for what, share in shares.items() if what.startswith(("POST", "gRPC", "GET")) and share.percent < 90
    } == set()


def prepare(site: Deployment) -> tuple[Target, Neighbour]:
    """Start all processes, and give the attacker and the neighbour their keys and a session."""
    site.start_consumer()
    ingest, grpc, web = (_port(start(CLOSED)) for start in (site.start_ingest, site.start_grpc, site.start_web))
    consumer = _port(site.processes[0])
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password=None))
    session = f"sessionid={client.cookies['sessionid'].value}"
    token = api_keys.create("attacker", [Scope.INGEST])[1]
    key = api_keys.create("neighbour", [Scope.INGEST], sources=NEIGHBOURS)[1]
    reader = api_keys.create("neighbour", [Scope.READ], sources=NEIGHBOURS)[1]
    target = Target(
        ingest, grpc, web, consumer, key=token, free_key=token, slow_key=token, reader=reader, cookies=session
    )
    return target, Neighbour(target, key, reader, session)


def _port(process: ProductProcess) -> int:
    return urlsplit(process.url).port or 0
