"""The pages of dead letters: groups, lists, one letter, and what an operator does; no worker runs here."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from dashboard.tests.people import forget, person
from deploy.testing.deployment import Deployment
from processing.dead_letters.closing import discard, reopen
from processing.jobs import queue
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.stored_rows import make_letter

pytestmark = pytest.mark.services

LIST = "/dead-letters/"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = b'{"sourceId": "sensor-1", "timestamp": "2009-03-01T00:00:00Z", "payload": {"n": %d}}'
DAY_FIRST = b'{"sourceId": "sensor-1", "timestamp": "%d/3/2009", "payload": {"n": 1}}'
MEND = '[{"do":"parse_date","format":"dd/mm/yyyy"}]'
EVENT = UUID(int=77)


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    DeadLetterAction.objects.all().delete()
    DeadLetter.objects.filter(root__isnull=False).delete()
    DeadLetter.objects.all().delete()
    Job.objects.all().delete()
    forget()


def found(client: Client, query: str) -> set[int]:
    return {row["id"] for row in client.get(f"/dead-letters.json?show=letters&{query}").json()["letters"]}


def run_jobs() -> None:
    steps = {discard.KIND: discard.step, reopen.KIND: reopen.step}
    while queue.run_next("one", steps, stopping=threading.Event()):
        pass


def test_groups_come_first_with_their_states_facets_and_ways_on() -> None:
    for line in range(3):
        make_letter(line, fingerprint="f" * 32, source_id="a", reason="invalid_timestamp", pointer="/timestamp")
    make_letter(3, fingerprint="0" * 32, source_id="b", state="parked")
    make_letter(4, fingerprint="1" * 32, source_id="c", state="stored")
    for line in (5, 6):
        make_letter(line, fingerprint=f"{line}" * 32, source_id=f"plant-{line}", reason="number_out_of_range")
    client = operator()

    page, twin = text(client.get(LIST)), client.get("/dead-letters.json").json()
    cause = "code=number_out_of_range&amp;stage=decode&amp;pointer="
    spanning = client.get(f"/dead-letters.json?{cause.replace('&amp;', '&')}").json()
    plan = text(client.get(f"/dead-letters/redrive/?{cause.replace('&amp;', '&')}"))
    narrow = text(client.get(f"{LIST}?source_id=a&state=all"))

    assert [(one["fingerprint"][0], one["count"]) for one in twin["groups"]] == [("6", 2), ("0", 1), ("f", 3)]
    assert "2 sources" in page
    assert f'href="/dead-letters/redrive/?{cause}">Mend or redrive' in page
    assert f'href="?fingerprint={"5" * 32}"><span>plant-5</span>' in page
    assert spanning["total"] == 2
    assert "2 dead letters" in plan
    assert "The timestamp is not of the required form" in page
    assert f'href="?fingerprint={"f" * 32}&amp;state=open">3 open' in page
    assert f'href="/dead-letters/redrive/?fingerprint={"f" * 32}">Mend or redrive' in page
    assert "<rect" not in page  # nothing of the last day
    assert 'href="?source_id=b&amp;state=all"' in narrow  # a facet shows what else there is
    assert 'href="?state=all" aria-current="true"><span>a</span>' in narrow  # chosen once more, it is gone
    assert INLINE.findall(page) == []


def test_letters_are_found_by_what_the_address_says_and_an_unknown_word_is_refused() -> None:
    one = make_letter(0, event_id=EVENT, source_id="sensor-1", detail="expected a number")
    other = make_letter(1, source_id="sensor-2", detail="expected an object", reason="id_conflict", stage="identity")
    closed = make_letter(2, state="stored")
    DeadLetter.objects.filter(pk=other.pk).update(first_seen=NOW)
    job = Job.objects.create(kind="redrive", who="ann", created_at=NOW)
    DeadLetterAction.objects.create(letter=closed, at=NOW, who="ann", kind="redriven", job=job.pk)
    client = operator()

    assert found(client, f"q={EVENT}") == {one.pk}
    assert found(client, "q=sensor-2") == {other.pk}
    assert found(client, "q=A+NUMBER") == {one.pk}
    assert (
        found(client, "q=ID_conf") == found(client, "code=id_conflict") == found(client, "stage=identity") == {other.pk}
    )
    assert found(client, "q=nothing") == found(client, "source_id=sensor-1&q=sensor-2") == set()
    assert found(client, "since=2026-01-01T00:00:00Z") == {other.pk}
    assert found(client, "source_id=") == set()
    assert found(client, f"job={job.pk}") == found(client, "state=stored") == {closed.pk}
    assert found(client, f"ids={one.pk},{closed.pk}&ids={other.pk}") == {one.pk, other.pk, closed.pk}
    wrong = (
        "partition=3",
        "state=lost",
        "since=2026",
        "ids=all",
        "source_id=a%20b",
        "show=letters&cursor=x",
        "job=0",
        "span=year",
    )
    assert {query: client.get(f"{LIST}?{query}").status_code for query in wrong} == dict.fromkeys(wrong, 404)
    assert client.get(f"{LIST}999/").status_code == client.get(f"{LIST}{10**30}/").status_code == 404


def test_the_list_pages_by_cursor_and_reads_no_more_than_the_beginning_of_what_was_sent() -> None:
    numbers = [make_letter(line, raw=b"<script>" + b"x" * 5_000).pk for line in range(3)]
    client = operator()

    with CaptureQueriesContext(connection) as queries:
        first = client.get("/dead-letters.json?show=letters&limit=2").json()
    second = client.get(f"/dead-letters.json?show=letters&limit=2&cursor={first['next']}").json()
    page = text(client.get(f"{LIST}?show=letters"))

    assert [row["id"] for row in first["letters"] + second["letters"]] == numbers[::-1]
    assert first["total"] == 3
    assert len(first["letters"][0]["beginning"]) < 200
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    assert not [one for one in queries if re.search(r'SELECT[^(]*"dead_letter"."raw"', one["sql"])]


def test_the_page_of_a_letter_tells_its_story_and_marks_the_place() -> None:
    root = make_letter(0, raw=GOOD % 1, edited=GOOD % 2, state="sent", reason="wrong_type", pointer="/payload/n")
    make_letter(1, raw=GOOD % 2, root=root, redrives=1, reason="refused_by_store", source_id="sensor-1", event_id=EVENT)
    DeadLetterAction.objects.create(letter=root, at=NOW, who="<ann>", kind="edited", note="the clock was off", job=7)
    newest = DeadLetter.objects.latest("pk")
    broken = make_letter(2, raw=b"\xff\x00<script>alert(1)</script>")
    client = operator()

    page, last = text(client.get(f"{LIST}{root.pk}/")), text(client.get(f"{LIST}{newest.pk}/"))
    raw = text(client.get(f"{LIST}{broken.pk}/"))

    assert "<mark>1</mark>" in page
    assert '<span class="removed">-    &quot;n&quot;: 1</span>' in page
    assert '<span class="added">+    &quot;n&quot;: 2</span>' in page
    assert "&lt;ann&gt;" in page
    assert 'edited (<a href="/jobs/7/">job 7</a>)' in page
    assert f'<a href="/dead-letters/{newest.pk}/">letter {newest.pk}</a> (open)' in page
    assert f'href="/events/sensor-1/{EVENT}/">trace' in last
    assert 'href="/sources/sensor-1/"' in last
    assert "<mark>\\xff</mark>" in raw or "<mark>\\</mark>" in raw
    assert "<script>alert" not in raw
    assert "3c 73 63 72 69 70 74 3e" in raw
    assert [INLINE.findall(one) for one in (page, last, raw)] == [[]] * 3


def test_a_suggestion_fills_the_edit_and_the_button_that_works_is_the_strong_one() -> None:
    letters = [
        make_letter(line, raw=DAY_FIRST % (13 + line), reason="invalid_timestamp", pointer="/timestamp", source_id="a")
        for line in range(2)
    ]
    address, client = f"{LIST}{letters[0].pk}/", operator()

    page = text(client.get(address))
    mended = text(client.get(address, {"mend": MEND}))
    tried = text(client.post(f"{address}try/", {"event": '{"sourceId": "a"}', "note": "mine"}))
    checks = [
        client.post(f"{address}check/", {"event": event}).json()
        for event in ((GOOD % 1).decode(), '{"sourceId":"a","timestamp":1,"payload":{"n":1e999}}', "{")
    ]
    client.post(f"{address}send/", {"event": (GOOD % 1).decode(), "note": "zone"})
    wrong = text(client.post(f"{address}send/", {"event": "{"}))

    assert "Parse timestamp as dd/mm/yyyy (UTC)" in page
    assert "Apply to the 2 alike" in page
    assert "fixes 2 of 2" in page
    assert 'data-try class="main"' in page
    assert "2009-03-13T00:00:00Z" in mended
    assert 'class="main" data-send' in mended
    assert "It would be stored now." in mended
    assert "A required field is missing: timestamp is required" in tried
    assert 'value="mine"' in tried
    assert [(one["works"], one["pointer"]) for one in checks] == [(True, ""), (False, "/payload/n"), (False, "")]
    assert "Not sent." in wrong
    job = Job.objects.get()
    assert (job.arguments["note"], job.arguments["selection"]) == ("zone", {"ids": [letters[0].pk]})
    assert job.arguments["edited"].startswith('{"id":"')


def test_the_same_mend_for_all_alike_is_previewed_tried_and_then_sent_by_one_job() -> None:
    print_ = "f" * 32
    for line in range(7):
        raw = DAY_FIRST % (13 + line) if line else b'{"timestamp": "yesterday"}'
        make_letter(line, raw=raw, reason="invalid_timestamp", pointer="/timestamp", fingerprint=print_)
    other = make_letter(7)
    client, address = operator(), f"{LIST}redrive/"
    chosen = {"fingerprint": print_}

    plan = text(client.get(address, chosen))
    twin = client.get("/dead-letters/redrive.json", {**chosen, "mend": MEND, "try": "1"}).json()
    tried = text(client.get(address, {**chosen, "do": ["parse_date", ""], "field": ["", ""], "with": ["dd/mm/yyyy", ""],
                                      "zone": ["", ""], "try": "1", "rate": "2"}))  # fmt: skip
    hopeless = text(client.get(address, {**chosen, "do": "remove", "field": "payload", "try": "1"}))
    wrong = text(client.get(address, {**chosen, "do": "parse_date", "field": "timestamp", "with": "HH", "try": "1"}))
    sent = client.post(
        f"{address}start/?fingerprint={print_}", {"up_to": other.pk, "mend": MEND, "rate": 5, "note": "n"}
    )

    assert "Parse timestamp as dd/mm/yyyy (UTC)" in plan
    assert '<button class="main">Redrive' not in plan
    assert twin["tried"]["works"] == 6
    assert [len(one["diff"]) > 0 for one in twin["tried"]["previews"]] == [True] * 5
    assert '<button class="main">Redrive 7</button>' in tried
    assert "about 4 s at this rate" in tried
    assert '<button class="main">Redrive' not in hopeless
    assert "step 1: expected a format" in wrong
    assert "Redrive 7" not in wrong
    job = Job.objects.get()
    assert (sent.status_code, sent["Location"]) == (302, f"/jobs/{job.pk}/")
    assert job.arguments == {
        "selection": {"state": "waiting", "fingerprint": print_}, "up_to": other.pk, "rate": 5, "note": "n",
        "mend": [{"do": "parse_date", "format": "dd/mm/yyyy", "field": "timestamp", "zone": "UTC"}],
    }  # fmt: skip


def test_a_mend_becomes_a_rule_only_where_rules_see_the_event() -> None:
    raw = b'{"sourceId": "sensor-1", "timestamp": 1, "payload": {"n": "1"}}'
    seen = make_letter(
        0, raw=raw, reason="schema_violation", pointer="/payload/n", stage="process", source_id="sensor-1"
    )
    unseen = make_letter(1, raw=raw, stage="decode", source_id="sensor-1")
    mend, client = '[{"do":"cast","field":"payload.n","to":"number"}]', operator()

    pages = [text(client.get(f"{LIST}redrive/?{urlencode({'ids': one.pk, 'mend': mend})}")) for one in (seen, unseen)]
    form = text(client.get(re.findall(r'href="(/logic/rules/new/[^"]+)"', pages[0])[0].replace("&amp;", "&")))

    assert "set payload.n = number(payload.n)</textarea>" in form
    assert "/logic/rules/new/" not in pages[1]
    assert "No rule can do this" in pages[1]


def test_what_is_discarded_needs_a_reason_and_can_be_opened_again() -> None:
    letter, client = make_letter(0), operator()
    stored = make_letter(1, state="stored")
    chosen = f"?ids={letter.pk}%2C{stored.pk}"

    plan = client.get(f"/dead-letters/discard.json{chosen}").json()["plan"]
    silent = text(client.post(f"{LIST}discard/start/{chosen}", {"note": " "}, follow=True))
    make_letter(2)
    client.post(f"{LIST}discard/start/{chosen}", {"note": "a test", "up_to": plan["upTo"]})
    run_jobs()
    letter.refresh_from_db()
    discarded = letter.state
    client.post(f"{LIST}reopen/start/?ids={letter.pk}", {"note": "undo"})
    run_jobs()

    assert (plan["total"], plan["others"]) == (1, 1)
    assert "A reason is required." in silent
    letter.refresh_from_db()
    assert (discarded, letter.state, letter.closed_at) == ("discarded", "open", None)
    assert list(letter.actions.values_list("kind", "note")) == [("discarded", "a test"), ("reopened", "undo")]
    assert [(job.kind, job.total, job.done) for job in Job.objects.order_by("id")] == [
        ("discard", 1, 1),
        ("reopen", 1, 1),
    ]


def test_letters_that_came_in_since_they_were_counted_are_left_alone() -> None:
    for line in range(2):
        make_letter(line)
    client = operator()

    counted = client.get("/dead-letters/discard.json").json()["plan"]
    make_letter(2)
    again = client.get("/dead-letters/redrive.json", {"up_to": counted["upTo"], "try": 1}).json()
    client.post(f"{LIST}discard/start/", {"up_to": counted["upTo"], "note": "a test"})
    run_jobs()

    assert (counted["total"], again["tried"]["outcome"]["summary"]) == (
        2,
        "0 of 2 would be stored now; 2 fail again: not_json.",
    )
    assert list(DeadLetter.objects.order_by("id").values_list("state", flat=True)) == ["discarded"] * 2 + ["open"]


def test_who_may_not_change_letters_is_offered_nothing_and_refused(settings: Settings) -> None:
    letter, hidden = make_letter(0, source_id="mine"), make_letter(1, source_id="theirs", fingerprint="h")
    viewer, bound = person("viewer", role="viewer"), person("bound", role="operator", sources=("mine",))
    posts = [
        "redrive/start/",
        "discard/start/",
        "reopen/start/",
        f"{letter.pk}/send/",
        f"{letter.pk}/try/",
        f"{letter.pk}/check/",
    ]
    gets = ["redrive/", "discard/", "reopen/"]

    for client in (viewer, bound):
        pages = (
            text(client.get(LIST)) + text(client.get(f"{LIST}?show=letters")) + text(client.get(f"{LIST}{letter.pk}/"))
        )
        assert "Redrive unchanged" not in pages
        assert "Mend or redrive" not in pages
        assert [client.post(f"{LIST}{path}", {"note": "x", "event": "{}"}).status_code for path in posts] == [403] * 6
        assert [client.get(f"{LIST}{path}").status_code for path in gets] == [403] * 3
    refused = viewer.post(f"{LIST}discard/start/", {"note": "x"}, headers={"accept": "text/html"}).content.decode()
    assert "operator" in refused
    settings.DATAFLOW_OPEN_READ = False
    assert found(bound, "state=all") == {letter.pk}
    assert bound.get(f"{LIST}{hidden.pk}/").status_code == 404
    assert "theirs" not in text(bound.get(LIST))
    assert bound.get(f"{LIST}export/?state=all")["Content-Type"] == "application/x-ndjson"
    assert not Job.objects.exists()


def test_nothing_is_changed_without_a_token_of_the_form() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("operator", password=None))

    assert client.post(f"{LIST}redrive/start/", {}).status_code == 403
    assert client.get(f"{LIST}redrive/start/").status_code == 405


def test_the_admin_lists_letters_and_leads_to_their_pages() -> None:
    letter, client = make_letter(0), operator()

    assert f'<a href="/dead-letters/{letter.pk}/">Open</a>' in text(client.get("/admin/processing/deadletter/"))
    assert client.get(f"/admin/processing/deadletter/{letter.pk}/change/")["Location"] == f"/dead-letters/{letter.pk}/"


def test_bars_show_when_letters_came_in() -> None:
    for line in range(4):
        letter = make_letter(line)
        seen = datetime.now(tz=UTC) - timedelta(hours=line // 3 * 5)
        DeadLetter.objects.filter(pk=letter.pk).update(first_seen=seen, last_seen=seen)

    page = text(operator().get(LIST))

    assert [float(height) for height in re.findall(r'<rect [^>]* height="([0-9.]+)"', page)] == [8.0, 24.0]
