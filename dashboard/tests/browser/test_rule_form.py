"""The form of a rule in a browser: checked while one types, with the fields of the last events to click on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from deploy.testing.deployment import Deployment
from ingestion.models import Source
from processing.logic.content import Content, RuleContent
from processing.logic.presentation import shapes
from processing.logic.revisions import saving
from processing.tests.stored_rows import make_row

pytestmark = [pytest.mark.browser, pytest.mark.services]

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])


@pytest.fixture
def address(site: Deployment, page: Page) -> str:
    """Return the address of the rule's form, for an operator who is signed in."""
    Source.objects.create(source_id="plant-1")
    make_row(source="plant-1", payload={"temperature": 21.5, "site": {"name": "north"}})
    saving.save(Content(rules=[HOT]), base=0, who="ann", activate=True)
    started = site.start_web()
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password=None))
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": started.url}])
    return f"{started.url}/admin/processing/logicrevision/1/rule/?name=hot"


@pytest.fixture(autouse=True)
def _clean_console(page: Page) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    assert said == []


def test_a_rule_is_checked_while_one_types_and_a_field_is_put_in_by_a_click(page: Page, address: str) -> None:
    page.goto(address)
    when, errors, status = (
        page.locator("#id_when"),
        page.locator('[data-errors-of="when"]'),
        page.locator("[data-checked]"),
    )

    when.fill("temperature >")
    expect(errors).to_contain_text("invalid syntax")
    expect(status).to_have_text("It can't be saved yet.")
    when.fill("")
    page.get_by_role("button", name="site.name").click()
    when.press_sequentially(' == "north"')
    expect(status).to_have_text("Nothing is wrong with it.")
    expect(errors).to_be_empty()
    page.locator("#id_sources").fill("plnt-*")
    expect(page.locator('[data-errors-of="sources"]')).to_contain_text("did you mean plant-1?")
    page.locator("#id_sources").fill("plant-*")
    expect(page.locator('[data-errors-of="sources"]')).to_be_empty()

    page.get_by_role("button", name="Save and make current").click()

    expect(page.locator(".success")).to_have_text("Revision 2 is current.")
    [rule] = shapes.current()["content"].rules
    assert (rule.when, rule.sources) == ('site.name == "north"', ["plant-*"])
