"""Things of which each event loop has one, made at its first use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, ParamSpec, Protocol, TypeVar


class OfLoop(Protocol):
    """Something that belongs to one event loop."""

    loop: asyncio.AbstractEventLoop


Made = TypeVar("Made", bound=OfLoop)
Given = ParamSpec("Given")


class PerLoop(Generic[Given, Made]):
    """Called, it gives the running loop's one. One loop serves a process; a fork, or a test, starts another one."""

    def __init__(self, make: Callable[Given, Made]) -> None:
        self._make = make
        self._made: Made | None = None

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Made:
        # Which loop runs is not asked: on Python 3.11 that is a call of the system each time, and several of them are a
        # fifth of the cost of a small request.
        if self._made is None or not self._made.loop.is_running():
            self._made = self._make(*args, **kwargs)
        return self._made
