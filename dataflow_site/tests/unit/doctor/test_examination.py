"""Groups of checks run at the same time, and all of them have ended after the time of one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext

from dataflow_site.doctor import examination
from dataflow_site.doctor.findings import Group, Said


def hanging(name: str) -> Group[None]:
    group: Group[None] = Group(name, nullcontext, "Wait.", is_server=False)

    @group.check("hangs", "It answers.")
    def hangs(_opened: None) -> Iterator[Said]:
        time.sleep(5)
        yield from ()

    return group


def test_several_servers_that_hang_take_no_longer_than_one() -> None:
    began = time.monotonic()

    found = examination.examine([hanging(name) for name in "abcde"], seconds=0.3)

    assert time.monotonic() - began < 1.2
    assert [one.check for one in found] == ["a.hangs", "b.hangs", "c.hangs", "d.hangs", "e.hangs"]
