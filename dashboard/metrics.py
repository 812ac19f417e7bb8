"""Metrics of the dashboard. The texts are the lines of docs/metrics.md."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

VIEWERS = Gauge("dashboard_live_viewers", "Clients connected to this process's live feed")

SUBSCRIPTIONS = Gauge(
    "dashboard_live_subscriptions",
    "Subscriptions of these clients: `status`, `overview`, `series`, `tail`",
    ["channel"],
)

FRAMES = Counter("dashboard_live_messages_total", "Frames and heartbeats sent to clients of the live feed")

# By the code of dashboard.live.socket_limits.CloseCode.
CLOSED = Counter(
    "dashboard_live_closed_total", "Sockets of the live feed that the server closed, by the code of the close", ["code"]
)
