"""ASGI entry of the web process: pages, API, admin, live feed, and the HTTP receivers for sites that want one port."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import path, re_path

from ingestion.runtime import heap, start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dataflow_site.settings")
# Before there are threads.
heap.bound_arenas()
# Each request goes to a thread and back. With reads that compute beside it, a switch took 5 ms for each; each thread that waits
# for its turn wakes up once in this time, so with less many requests at once cost a tenth more.
sys.setswitchinterval(0.002)
with start.or_end():
    django.setup(set_prefix=False)

# These read settings and models, so they come after Django's set-up.
from dashboard.live.sockets import LiveFeedSocket  # noqa: E402
from dataflow_site.access.crowd_control import CrowdControl  # noqa: E402
from dataflow_site.checks.connections import mongodb  # noqa: E402
from dataflow_site.checks.findings import refuse_errors  # noqa: E402
from dataflow_site.web.body_limit import BodyLimit  # noqa: E402
from dataflow_site.web.handler import PagesHandler  # noqa: E402
from ingestion.http.asgi import AsgiScope, Receive, Send  # noqa: E402
from ingestion.server import endpoint_at, mounted, mounted_lifespan  # noqa: E402

with start.or_end():
    refuse_errors(mongodb(None))
# Before there are threads, which keep the priority that they begin with.
os.nice(max(0, settings.DATAFLOW_WEB_NICE))


async def refuse(scope: dict[str, object], receive: object, send: Callable[[dict[str, str]], Awaitable[None]]) -> None:
    """Close a socket to a path that has none."""
    await send({"type": "websocket.close"})


pages = BodyLimit(CrowdControl(PagesHandler()))


async def serve(scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Serve a request: what takes events has its own application."""
    await (mounted if endpoint_at(scope["path"]) else pages)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": serve,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([path("ws/live", LiveFeedSocket.as_asgi()), re_path("", refuse)]))
        ),
        "lifespan": mounted_lifespan,
    }
)
