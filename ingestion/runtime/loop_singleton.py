"""Objects that exist once for each event loop, created at first use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Generic, ParamSpec, Protocol, TypeVar


class LoopBound(Protocol):
    """An object that belongs to one event loop."""

    loop: asyncio.AbstractEventLoop


Object = TypeVar("Object", bound=LoopBound)
Parameters = ParamSpec("Parameters")


class LoopSingleton(Generic[Parameters, Object]):
    """Returns the object of the running loop when called. A process has one loop; a fork or a test starts another."""

    def __init__(self, create: Callable[Parameters, Object]) -> None:
        self._create = create
        self._object: Object | None = None

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Object:
        # Not by asyncio.get_running_loop(): on Python 3.11 that is a system call (getpid), and the several of a small
        # request were a fifth of its cost.
        if self._object is None or not self._object.loop.is_running():
            # Not in the context of the request that is the first to need it, which its tasks would keep.
            self._object = Context().run(self._create, *args, **kwargs)
        return self._object

    def exists(self) -> bool:
        """Return whether the running loop has its object."""
        return self._object is not None and self._object.loop is asyncio.get_running_loop()
