"""Django's handler of ASGI requests, with one change of threads for most of them.

Django's own goes to another thread for the signal that a request began, for the middleware, for the view, since that may be a
coroutine, and to close the answer; and it starts that thread anew for each request. All middleware and views here are plain
functions, so they run one after the other in one thread, which later requests use again.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from ingestion.runtime import limited_connection

# So many requests run at one time, beside streamed answers. It is more than `DATAFLOW_READS` admits: probes and metrics
# have no slots, and a read may be at work for a client that is gone.
MAX_THREADS = 128


class PagesHandler(ASGIHandler):
    """Handler of requests to pages, API and admin."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="request")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, copy_context().run, self._respond, scope, body)
            if response.streaming:
                async with ThreadSensitiveContext():
                    await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        with limited_connection.limited():
            response = self.get_response(request) if request is not None else refusal
        assert response is not None
        response._handler_class = type(self)  # type: ignore[attr-defined]  # noqa: SLF001 - as Django's handlers do
        if not response.streaming:
            # That ends the request for Django; its content is sent all the same.
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Send an answer until it is whole or the client is gone.

        :raises Exception: what ended it in the middle; the server then cuts the connection
        """
        sending = asyncio.create_task(self.send_response(response, send))
        listening = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, listening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            sending.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)
            await sync_to_async(response.close)()
        if not sending.cancelled():
            sending.result()
