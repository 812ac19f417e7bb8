"""The address by which a reader connects, as libpq and most clients take it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.conf import settings


def address(role: str, password: str) -> str:
    """Return the DSN with the host, port and database of our own connection."""
    database = settings.DATABASES["default"]
    hosts, ports = str(database["HOST"]).split(","), str(database["PORT"]).split(",")
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    shown = ",".join(f"{_written(host.strip())}:{port}" for host, port in zip(hosts, ports, strict=True))
    name = str(database["NAME"])
    mode = settings.POSTGRES_TLS.get("sslmode", "prefer")
    # libpq's own default; not every client knows it.
    query = "" if mode == "prefer" else f"?{urlencode({'sslmode': mode})}"
    return f"postgresql://{role}:{quote(password, safe='')}@{shown}/{quote(name, safe='')}{query}"


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")
