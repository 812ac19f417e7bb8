"""The name of a process by its command line."""

from __future__ import annotations

import pytest

from dataflow_site.environment.process_name import process_name
from deploy.local import processes


@pytest.mark.parametrize(
    "spec",
    [processes.WEB, processes.INGEST, processes.GRPC, processes.CONSUMER, processes.JOBS],
    ids=lambda it: it.name,
)
def test_every_process_of_the_product_has_its_name(spec: processes.ProcessSpec) -> None:
    words = spec.command(1)[1:]

    assert process_name(words[1:] if words[0] == "-m" else words) == spec.name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["/srv/manage.py", "migrate"], "migrate"), (["/srv/manage.py"], "manage.py"), ([], "python"), ([""], "python")],
)
def test_another_command_has_its_own(arguments: list[str], name: str) -> None:
    assert process_name(arguments) == name
