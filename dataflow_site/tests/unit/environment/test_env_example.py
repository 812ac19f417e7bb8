"""`.env.example` is the list of all settings."""

from __future__ import annotations

import re
from importlib import reload

from dataflow_site import settings
from dataflow_site.environment.env import BASE_DIR, env

# Names the file itself, so it can't stand in it.
OUTSIDE = {"DATAFLOW_ENV_FILE"}


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

    assert example() == read
