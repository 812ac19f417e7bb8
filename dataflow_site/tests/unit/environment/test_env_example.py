"""`.env.example` is the list of all settings."""

from __future__ import annotations

import re
from importlib import reload

from dataflow_site import settings
from dataflow_site.environment.env import BASE_DIR, env

# Names the file itself, so it can't stand in it.
OUTSIDE = {"DATAFLOW_ENV_FILE"}
# Of the servers that docker compose starts; the servers of `make run` have ports that nothing else uses.
OF_COMPOSE = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "POSTGRES_PORT": "5432",
    "MONGO_URI": "mongodb://127.0.0.1:27017",
    "REDIS_ADDR": "127.0.0.1:6379",
}


def example() -> dict[str, str]:
    text = (BASE_DIR / ".env.example").read_text()
    return dict(re.findall(r"^#([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def as_written(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    reload(settings)

    read = {name: as_written(default) for name, default in env.defaults.items() if name not in OUTSIDE}

    assert example() == read | OF_COMPOSE
