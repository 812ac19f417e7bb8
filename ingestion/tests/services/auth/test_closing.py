from __future__ import annotations

import asyncio

import pytest

from deploy.testing.deployment import Deployment
from ingestion.auth.authenticator import Authenticator

pytestmark = pytest.mark.services

STEPS = 25  # of the loop, in which the listener connects to Redis


async def test_a_listener_ends_in_whatever_step_of_connecting_it_is_closed(site: Deployment) -> None:
    for steps in range(STEPS):
        access = Authenticator()
        for _ in range(steps):
            await asyncio.sleep(0)
        access.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}

        _, pending = await asyncio.wait(others, timeout=5)

        assert not pending, f"after {steps} steps"
