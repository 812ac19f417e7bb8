from __future__ import annotations

import time

import pytest

from ingestion.auth import api_keys
from ingestion.auth.api_keys import Grant
from queries import recent_grants


def grant(*, expires: float | None = None) -> Grant:
    return Grant("prefix", frozenset({"read"}), None, "", expires)


class LookUp:
    """A look-up that counts how often it is asked."""

    def __init__(self, answer: Grant | None) -> None:
        self.answer = answer
        self.times = 0

    def __call__(self) -> Grant | None:
        self.times += 1
        return self.answer


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    recent_grants._remembered.clear()
    monkeypatch.setattr(recent_grants, "KEPT_FOR", 60.0)


def test_a_key_is_looked_up_once_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = LookUp(grant())
    for _ in range(3):
        assert recent_grants.find("a", look_up) == grant()
    assert look_up.times == 1

    monkeypatch.setattr(recent_grants, "KEPT_FOR", -1.0)
    recent_grants.find("b", look_up)
    recent_grants.find("b", look_up)
    assert look_up.times == 3


def test_a_key_that_is_not_there_is_looked_up_each_time() -> None:
    look_up = LookUp(None)
    assert [recent_grants.find("a", look_up) for _ in range(3)] == [None] * 3
    assert look_up.times == 3


def test_a_key_that_expires_is_good_no_longer() -> None:
    look_up = LookUp(grant(expires=time.time() + 0.05))
    recent_grants.find("a", look_up)
    time.sleep(0.06)
    look_up.answer = None
    assert recent_grants.find("a", look_up) is None


def test_a_change_of_this_process_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = LookUp(grant())
    recent_grants.find("a", look_up)
    monkeypatch.setattr(api_keys, "_changes", api_keys.changes() + 1)
    look_up.answer = None
    assert recent_grants.find("a", look_up) is None


def test_the_keys_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_grants, "MOST", 3)
    for number in range(10):
        recent_grants.find(str(number), LookUp(grant()))
    assert list(recent_grants._remembered) == ["7", "8", "9"]
