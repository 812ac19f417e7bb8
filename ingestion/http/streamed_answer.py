"""The body of a long answer of Django's: sent piece by piece, and cut off where it can't be sent whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

from asgiref.sync import sync_to_async


def _nothing() -> None:
    """Do nothing."""


class StreamedAnswer:
    """The content of a StreamingHttpResponse, made by an iterator in the thread of its request, while the client reads.

    The first piece is made at once, so that what fails before it is answered with a status. Later no status can be sent: the
    exception passes through Django to the server, which closes the connection in the middle of the body, as
    https://www.rfc-editor.org/rfc/rfc9112#section-8 has it. No client can take the answer for whole then.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        *,
        cut: Callable[[], None] = _nothing,
        close: Callable[[], None] = _nothing,
    ) -> None:
        """Make the first piece.

        :param cut: makes a piece that is being made raise at once; called on the event loop
        :param close: frees what the iterator holds; called once or more
        """
        self._pieces = pieces
        self._cut = cut
        self._close = close
        self._first: bytes | None = next(pieces, b"")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        try:
            following: bytes | None = await sync_to_async(self._next)()
        except BaseException:
            # The client is gone, or the process stops: the thread is still at work.
            self._cut()
            raise
        if following is None:
            raise StopAsyncIteration
        return following

    def _next(self) -> bytes | None:
        return next(self._pieces, None)

    def close(self) -> None:
        """Free everything. Django calls it with the response's `close`, which it does not for one that was never sent."""
        self._close()

    def __del__(self) -> None:
        self._close()
