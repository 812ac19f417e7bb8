"""Every metric of the dashboard."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

# Clients connected to this process's live feed.
VIEWERS = Gauge("dashboard_live_viewers", "Clients of the live feed")

# Frames and heartbeats sent to clients of the live feed.
FRAMES = Counter("dashboard_live_messages_total", "Frames and heartbeats sent to clients of the live feed")

# Sockets of the live feed that the server closed, by the code of dashboard.live.socket_limits.CloseCode.
CLOSED = Counter("dashboard_live_closed_total", "Sockets of the live feed that the server closed", ["code"])
