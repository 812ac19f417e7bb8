"""The pages of logic in a browser, by keyboard alone: a rule is written, tried and put in order, a replay carried out and undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from dashboard.tests.browser.visitors import press
from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from ingestion.events.identity.content_hash import content_hash
from ingestion.models import Source
from processing.logic.content import Content, RuleContent
from processing.logic.presentation import shapes
from processing.logic.revisions import saving
from processing.models import Event
from queries.tests import stored

pytestmark = [pytest.mark.browser, pytest.mark.services]

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
AT = datetime(2009, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _filled(site: Deployment) -> None:
    """A site with an event and a rule."""
    payload = {"temperature": 21.5, "site": {"name": "north"}}
    event = stored.make_event("plant-1", ts=AT, payload=payload)
    event.content_hash = content_hash(timestamps.to_micros(AT), payload)
    stored.store(event)
    stored.store_document(event)
    stored.account("plant-1")
    Source.objects.create(source_id="plant-1")
    saving.save(Content(rules=[HOT]), base=0, who="ann", activate=True)


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    yield
    assert console == []


def test_a_rule_is_written_tried_saved_and_moved_by_keyboard_alone(page: Page, site_url: str) -> None:
    keys, told = page.keyboard, page.locator("#trial [role=status]")
    wrong, changes = page.locator("#id_when_errors"), page.locator("#trial .changes")

    page.goto(f"{site_url}/logic/rules/new/")
    page.locator("#id_name").focus()
    keys.type("cool")
    page.locator("#id_when").focus()
    keys.type("temp")
    expect(page.get_by_role("option")).to_have_text(["temperature"])
    keys.press("Tab")
    keys.type(" <")
    keys.press("Tab")
    keys.type("set site.name = upper(si")
    expect(page.get_by_role("option")).to_have_text(["site.name"])
    keys.press("Enter")
    keys.type(")")
    expect(wrong).to_contain_text("invalid syntax")
    expect(told).to_have_text("Mend what is wrong first.")
    page.locator("#id_when").focus()
    keys.press("End")
    keys.type(" 22")
    expect(told).to_have_text("1 events: 1 applied. 1 come out otherwise than now.")
    expect(wrong).to_be_empty()
    expect(changes).to_contain_text('/site/name "north" → "NORTH"')

    page.get_by_role("button", name="Save and make current").focus()
    keys.press("Enter")
    expect(page.locator(".messages")).to_contain_text("Revision 2 is current")
    # Its scripts hear keys.
    page.wait_for_load_state()
    page.get_by_role("link", name="cool", exact=True).focus()
    keys.press("Alt+ArrowUp")
    expect(page.locator(".messages")).to_have_text("The rule cool is at place 1.")

    rules = shapes.current()["content"].rules
    assert [rule.name for rule in rules] == ["cool", "hot"]
    assert (rules[0].when, rules[0].actions) == ("temperature < 22", ["set site.name = upper(site.name)"])


@pytest.mark.thorough
def test_a_replay_is_planned_carried_out_and_undone_by_keyboard_alone(
    page: Page, site: Deployment, site_url: str
) -> None:
    cool = RuleContent(name="cool", when="temperature < 30", actions=["tag cool"])
    saving.save(Content(rules=[cool]), base=1, who="ann", activate=True)
    site.start_jobs()
    newest, start = page.locator("#logic-runs tbody tr").first, page.get_by_role("button", name="Start")

    def begin() -> None:
        with page.expect_navigation():
            press(page, start)
        page.goto(f"{site_url}/logic/replays/")

    def carry_out(link: str) -> None:
        with page.expect_navigation():
            press(page, newest.get_by_role("link", name=link))
        begin()

    def tags() -> list[str] | None:
        return Event.objects.get().tags

    page.goto(f"{site_url}/logic/replays/")
    begin()
    carry_out("Carry it out")
    site.wait_for(lambda: tags() == ["cool"], 30)
    carry_out("Undo")
    carry_out("Carry it out")

    site.wait_for(lambda: not tags(), 30)
