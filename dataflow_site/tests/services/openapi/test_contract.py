"""No answer of a real port is one that the OpenAPI document does not allow, whatever schemathesis asks for."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from dataflow_site.tests.services.openapi.example_site import ExampleSite
from deploy.fuzz import contract
from deploy.fuzz.contract import Port
from queries.openapi import document, examples

pytestmark = pytest.mark.services

SEED = 1
# Of an address, in each of the random phases; the phases of examples and of coverage are whole. `make fuzz` sends more.
EXAMPLES = 2


@pytest.fixture(scope="module")
def filled(example_site: ExampleSite) -> ExampleSite:
    """Return a site with the events of the examples, and with dead letters."""
    for example in examples.everything():
        if example.operation in {"ingest", "writeLines"}:
            example_site.send(example)
    example_site.wait_until_settled()
    return example_site


def test_the_ingest_port_answers_as_the_document_says(filled: ExampleSite, tmp_path: Path) -> None:
    port = Port(url=filled.ingest.url, key=filled.key["Authorization"], only=contract.RECEIVERS, is_linked=False)

    found = contract.compare(port, document.whole(), tmp_path, examples=EXAMPLES, seed=SEED)

    assert not found, found


def test_the_web_port_answers_as_the_document_says(filled: ExampleSite, tmp_path: Path) -> None:
    # The receivers in it are the same code.
    port = Port(url=filled.web.url, key=filled.key["Authorization"], without=contract.RECEIVERS)

    found = contract.compare(port, document.whole(), tmp_path, examples=EXAMPLES, seed=SEED)

    assert not found, found


def test_an_answer_that_the_document_does_not_allow_is_found(filled: ExampleSite, tmp_path: Path) -> None:
    other = {**document.whole(), "paths": {"/healthz": {"get": {"responses": {"204": {"description": "nothing"}}}}}}
    port = Port(url=filled.web.url, key=filled.key["Authorization"], is_linked=False)

    assert httpx.get(f"{filled.web.url}/healthz").status_code == 200
    assert "Undocumented" in contract.compare(port, other, tmp_path, examples=1, seed=SEED)
