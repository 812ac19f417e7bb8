"""The address by which a reader connects, as libpq and most clients take it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.conf import settings


def address(role: str, password: str) -> str:
    """Return the DSN with the host, port and database of our own connection."""
    database = settings.DATABASES["default"]
    host, port, name = str(database["HOST"]), str(database["PORT"]), str(database["NAME"])
    shown = f"[{host}]" if ":" in host else quote(host, safe="")
    mode = settings.POSTGRES_TLS.get("sslmode", "prefer")
    # libpq's own default; not every client knows it.
    query = "" if mode == "prefer" else f"?{urlencode({'sslmode': mode})}"
    return f"postgresql://{role}:{quote(password, safe='')}@{shown}:{port}/{quote(name, safe='')}{query}"
