"""A site with the data of two tenants, and a client of every kind of reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from dataflow_site.tests import tenant_readers, tenants
from deploy.testing.deployment import Deployment
from processing.ledger import header_reader
from processing.tests import kafka_readers


@pytest.fixture(scope="module")
def site_of_two(module_site: Deployment) -> Iterator[Deployment]:
    """A site that is open to nobody, with the data of two tenants."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "DATAFLOW_OPEN_READ", False)
        patch.setattr(header_reader, "MAX_WAIT", 20.0)
        tenants.fill(module_site)
        yield module_site
    kafka_readers.close_all()


@pytest.fixture(scope="module")
def readers(site_of_two: Deployment) -> dict[str, Client]:
    """A client of each kind; those of some sources are the first tenant's."""
    return tenant_readers.clients()
