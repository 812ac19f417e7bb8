"""The default ports of this machine's servers and processes, which one number moves: several checkouts run side by side."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from dataflow_site.environment.env import BASE_DIR, env

NAME = "DATAFLOW_LOCAL_PORTS"
VAR = BASE_DIR / "var"
_FILE = "local-ports"
# By the setting that names another one. A setting that is set is not moved.
DEFAULTS = {
    "KAFKA_BOOTSTRAP_SERVERS": 19_092,
    "POSTGRES_PORT": 15_432,
    "MONGO_URI": 17_017,
    "REDIS_ADDR": 16_379,
    "INGESTION_SERVICE_PORT": 8_081,
    "GRPC_SERVICE_PORT": 50_051,
    "PROCESSOR_SERVICE_PORT": 8_082,
    "DATAFLOW_JOBS_PORT": 8_083,
    "DATAFLOW_GRPC_METRICS_PORT": 8_084,
    "API_SERVICE_PORT": 8_080,
}
LARGEST = 65_535 - max(DEFAULTS.values())


def shift() -> int:
    """Return by how much the default ports are moved: by the setting, else by what `make run` chose in this folder.

    :raises ImproperlyConfigured: no number, or one that moves a port beyond the last one
    """
    chosen = env.int(NAME, 0)
    if not env.is_set(NAME):
        return remembered(VAR)
    if not 0 <= chosen <= LARGEST:
        raise ImproperlyConfigured(f"{NAME}: expected a number from 0 to {LARGEST}, got {chosen}")
    return chosen


def moved() -> dict[str, int]:
    """Return the default ports that the shift moves, by setting."""
    given = {name for name in DEFAULTS if env.is_set(name)}
    if env.is_set("POSTGRES_HOST"):
        # A server that was given has its usual port.
        given.add("POSTGRES_PORT")
    return {name: port for name, port in DEFAULTS.items() if name not in given}


def port(name: str) -> int:
    """Return the port that is set, else the default one, moved."""
    found = env.int(name, DEFAULTS[name] + (shift() if name in moved() else 0))
    env.defaults[name] = DEFAULTS[name]
    return found


def port_or_ports(name: str) -> int | str:
    """Return the port as `port` does, or several between commas as they are set, one for each of several hosts.

    :raises ImproperlyConfigured: one of them is no whole number
    """
    numbers = [number.strip() for number in env.str(name, "").split(",")]
    if len(numbers) == 1 or not all(number.isdigit() for number in numbers):
        return port(name)
    env.defaults[name] = DEFAULTS[name]
    return ",".join(numbers)


def address(name: str, form: str) -> str:
    """Return the address that is set, else the default one with its port moved; `form` has `{port}` in its place."""
    found = env.str(name, form.format(port=DEFAULTS[name] + shift()))
    env.defaults[name] = form.format(port=DEFAULTS[name])
    return found


def remembered(var: Path) -> int:
    """Return the shift that was chosen in this folder, 0 if there is none.

    :raises ImproperlyConfigured: the file that remembers it holds something else
    """
    try:
        chosen = int((var / _FILE).read_text())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError):
        chosen = -1
    if not 0 <= chosen <= LARGEST:
        raise ImproperlyConfigured(f"{var / _FILE} holds no number from 0 to {LARGEST}: remove it, or set {NAME}")
    return chosen


def remember(var: Path, chosen: int) -> None:
    """Write the shift where `manage.py` and `make demo` find it."""
    if chosen != remembered(var):
        new = var / f"{_FILE}.new"
        new.write_text(f"{chosen}\n")
        new.replace(var / _FILE)
