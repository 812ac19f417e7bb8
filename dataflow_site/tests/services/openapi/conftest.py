"""A deployment with every process, to which the examples of the OpenAPI document are sent."""

from __future__ import annotations

import pytest

from dataflow_site.tests.services.openapi.example_site import ExampleSite
from deploy.testing.deployment import Deployment


@pytest.fixture(scope="module")
def example_site(module_site: Deployment) -> ExampleSite:
    """Return a deployment that needs keys, with a key for everything."""
    return ExampleSite(module_site)
