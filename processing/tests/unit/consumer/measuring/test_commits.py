"""Only a transaction that is committed counts as a COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest
from psycopg import Rollback

from processing.consumer import steps
from processing.consumer.measuring.step_clock import StepClock
from processing.consumer.work import Retry, Stores, Work


@contextmanager
def transaction(*, undo: bool) -> Iterator[None]:
    """Do what psycopg's transaction does with an order to roll back."""
    with suppress(Rollback):
        yield


@pytest.mark.parametrize(("retry", "commits"), [(None, 1), (Retry("again"), 0)], ids=["stored", "tried again"])
def test_a_transaction_that_is_rolled_back_is_no_commit(
    monkeypatch: pytest.MonkeyPatch, retry: Retry | None, commits: int
) -> None:
    noted: list[str] = []
    clock = StepClock()
    monkeypatch.setattr(StepClock, "add", lambda _self, name, _seconds: noted.append(name))
    monkeypatch.setattr(steps, "STORE", [lambda _stores, _work: retry])
    stores = cast("Stores", SimpleNamespace(rows=SimpleNamespace(transaction=transaction)))
    work = cast("Work", cast("Any", SimpleNamespace(clock=clock, step="")))

    assert steps._transact(stores, work, undo=False) is retry
    assert noted.count("commit") == commits
