"""Dead letters and jobs over the API: read, exported, redriven, discarded; no worker runs here."""

from __future__ import annotations

import base64
import json
from http.client import HTTPResponse
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from processing.models import DeadLetter, DeadLetterAction, Job
from queries.tests.stored import NOON, get, refused, topic, walk

pytestmark = pytest.mark.services

LETTERS = "/api/dead-letters/"
GOOD = b'{"sourceId": "sensor-1", "timestamp": "2009-03-01T00:00:00Z", "payload": {"n": %d}}'
EVENT = UUID(int=77)


def test_every_filter_narrows_the_list(site: Deployment) -> None:
    wanted = make_letter(
        0,
        source_id="a",
        reason="id_conflict",
        stage="rows",
        event_id=EVENT,
        fingerprint="g",
        detail="A conflict",
        pointer="/id",
    )
    make_letter(1, first_seen=NOON.replace(year=2010), partition=2)

    def numbers(query: str) -> list[int]:
        return [letter["id"] for letter in walk(f"{LETTERS}?{query}")]

    for query in (
        *(
            "source_id=a",
            "reason=id_conflict",
            "stage=rows",
            f"eventId={EVENT}",
            "fingerprint=g",
            "text=conflict",
            "pointer=/id",
        ),
        *("partition=1", "end_time=2010-01-01", "state=open&partition=1", f"topic={topic().name}&partition=1"),
    ):
        assert numbers(query) == [wanted.pk], query
    assert numbers("topic=other") == []


def test_letters_whose_source_can_not_be_read_are_selected_by_an_empty_one(site: Deployment) -> None:
    make_letter(0, source_id="a")
    unreadable = make_letter(1)

    tried = post(f"{LETTERS}discard/", {"filter": {"sourceId": ""}, "dryRun": True, "note": "x"}, token("admin")).json()

    assert [letter["id"] for letter in walk(f"{LETTERS}?source_id=")] == [unreadable.pk]
    assert tried == {"upTo": unreadable.pk, "total": 1, "totalIsLeast": False}


def test_a_letter_tells_its_story(site: Deployment) -> None:
    root = make_letter(0, raw=GOOD % 1, edited=GOOD % 2, state="sent", reason="number_out_of_range")
    newest = make_letter(1, raw=b'{"n": 1e999, "n": 2}', root=root, redrives=1)
    DeadLetterAction.objects.create(letter=root, at=NOON, who="ann", kind="edited", note="a slip")

    first, last = get(f"{LETTERS}{root.pk}/"), get(f"{LETTERS}{newest.pk}/")

    assert first["meaning"] == "A number can't be stored without change"
    assert json.loads(first["event"])["payload"] == {"n": 1}
    assert {'-    "n": 1', '+    "n": 2'} < set(first["edited"])
    assert first["history"] == [{"at": "2009-04-11T12:00:00Z", "who": "ann", "kind": "edited", "note": "a slip"}]
    assert [link["id"] for link in first["chain"]] == [link["id"] for link in last["chain"]] == [root.pk, newest.pk]
    assert (first["root"], last["root"], last["redrives"]) == (None, root.pk, 1)
    # Values that no JSON of ours could hold stand as they were sent.
    assert last["event"] == '{\n  "n": 1e999,\n  "n": 2\n}'


def test_every_byte_is_for_operators(site: Deployment, settings: Settings) -> None:
    number = make_letter(0, raw=b"\x00\xff").pk
    reader, operator = token("read"), token("admin")

    assert get(f"{LETTERS}{number}/")["raw"] is None
    settings.DATAFLOW_OPEN_READ = False
    assert get(f"{LETTERS}{number}/", Authorization=reader)["raw"] is None
    assert base64.b64decode(get(f"{LETTERS}{number}/", Authorization=operator)["raw"]) == b"\x00\xff"


def test_the_export_gives_whole_letters_line_by_line_the_oldest_first(site: Deployment) -> None:
    made = [make_letter(line, raw=bytes([line]) * 3) for line in range(120)]
    make_letter(120, reason="id_conflict")
    DeadLetter.objects.filter(pk=made[7].pk).update(edited=b"new", sent_at=NOON)
    DeadLetterAction.objects.create(letter=made[7], at=NOON, who="ann", kind="edited", note="a slip")
    web = site.start_web()

    with urlopen(
        Request(f"{web.url}{LETTERS}export/?reason=not_json", headers={"Authorization": token("admin")})
    ) as answer:
        assert isinstance(answer, HTTPResponse)
        lines = [json.loads(line) for line in answer]

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [line["id"] for line in lines] == [letter.pk for letter in made]
    assert base64.b64decode(lines[7]["raw"]) == b"\x07\x07\x07"
    assert base64.b64decode(lines[7]["edited"]) == b"new"
    assert (lines[7]["sentAt"], lines[7]["closedAt"]) == ("2009-04-11T12:00:00Z", None)
    assert lines[7]["history"] == [{"at": "2009-04-11T12:00:00Z", "who": "ann", "kind": "edited", "note": "a slip"}]
    assert (lines[6]["edited"], lines[6]["history"]) == (None, [])
    assert (
        lines[7].items() >= {"sourceId": None, "firstSeen": "2009-04-11T12:00:00Z", "line": 7, "state": "open"}.items()
    )


def test_what_changes_something_needs_the_scope_admin(site: Deployment, settings: Settings) -> None:
    letter, job = make_letter(0), make_job()
    addresses = [
        *(
            f"{LETTERS}redrive/",
            f"{LETTERS}discard/",
            f"{LETTERS}{letter.pk}/redrive/",
            f"{LETTERS}{letter.pk}/discard/",
        ),
        f"/api/jobs/{job.pk}/cancel/",
    ]
    bound = "Bearer " + api_keys.create("bound", ["admin"], sources=["a"])[1]

    for settings.DATAFLOW_OPEN_READ in (True, False):
        assert [post(address, {}).status_code for address in addresses] == [401] * 5
        assert [post(address, {}, token("read")).status_code for address in addresses] == [403] * 5
        assert [post(address, {}, bound).json()["code"] for address in addresses] == ["source_not_allowed"] * 5
        assert Client().get(f"{LETTERS}export/").status_code == 401
    assert Job.objects.get() == job
    assert not Job.objects.get().cancel_requested


def test_letters_are_redriven_by_a_job_that_says_who_asked(site: Deployment) -> None:
    letter = make_letter(0, raw=GOOD % 1)
    operator = token("admin")

    one = post(f"{LETTERS}{letter.pk}/redrive/", None, operator)
    many = post(f"{LETTERS}redrive/", {"filter": {"reason": "not_json", "sourceId": "a"}, "rate": 50}, operator)
    named = post(f"{LETTERS}discard/", {"ids": [letter.pk], "note": "a test"}, operator)

    assert [answer.status_code for answer in (one, many, named)] == [202] * 3
    assert one.json().items() >= {"kind": "redrive", "state": "queued", "total": None, "done": 0}.items()
    assert one.json()["who"].startswith("key ")
    assert one.json()["arguments"]["selection"] == {"ids": [letter.pk]}
    assert many.json()["arguments"] == {
        "selection": {"reason": "not_json", "source_id": "a"}, "up_to": letter.pk, "rate": 50, "note": ""
    }  # fmt: skip
    assert named.json()["arguments"] == {"selection": {"ids": [letter.pk]}, "up_to": letter.pk, "note": "a test"}
    assert [job["id"] for job in walk("/api/jobs/?limit=2")] == [answer.json()["id"] for answer in (named, many, one)]


def test_an_edited_event_is_sent_as_it_is_written(site: Deployment) -> None:
    letter = make_letter(0, raw=b"{")
    event = b'{"sourceId": "sensor-1", "timestamp": "2009-03-01T00:00:00Z", "payload": {"n": 1.50}}'
    operator = token("admin")

    tried = post(f"{LETTERS}{letter.pk}/redrive/", b'{"dryRun": true, "event": %b}' % event, operator)
    sent = post(f"{LETTERS}{letter.pk}/redrive/", b'{"note": "mended", "event": %b}' % event, operator)
    twice = post(f"{LETTERS}{letter.pk}/redrive/", b'{"event": {"sourceId": "a", "sourceId": "b"}}', operator)

    assert (tried.status_code, tried.json()["summary"]) == (200, "1 of 1 would be stored now.")
    assert '"payload":{"n":1.50}' in sent.json()["arguments"]["edited"]
    assert (twice.status_code, twice.json()["code"]) == (422, "duplicate_key")
    assert twice.json()["errors"][0]["pointer"] == "/event/sourceId"


def test_letters_alike_are_mended_by_a_few_steps(site: Deployment) -> None:
    make_letter(0, raw=b'{"sourceId": "a", "timestamp": "1/3/2009", "payload": {}}', reason="invalid_timestamp")
    operator, steps = token("admin"), [{"do": "parse_date", "format": "dd/mm/yyyy"}]

    def ask(**body: object) -> Any:
        return post(f"{LETTERS}redrive/", {"filter": {"reason": "invalid_timestamp"}, **body}, operator)

    tried = ask(mend=steps, dryRun=True).json()
    wrong = [ask(mend=mend) for mend in ([{"do": "explode"}], [{"do": "parse_date", "format": "HH"}], [])]
    job = ask(mend=steps).json()

    assert (tried["stored"], tried["unfixed"]) == (1, {})
    assert [answer.status_code for answer in wrong] == [400] * 3
    assert wrong[1].json()["errors"][0]["pointer"] == "/mend"
    assert job["arguments"]["mend"] == [{**steps[0], "field": "timestamp", "zone": "UTC"}]


def test_a_dry_run_tells_what_would_become_of_letters(site: Deployment) -> None:
    make_letter(0, raw=GOOD % 1)
    newest = make_letter(1).pk
    operator = token("admin")

    redriven = post(f"{LETTERS}redrive/", {"filter": {}, "dryRun": True}, operator).json()
    discarded = post(f"{LETTERS}discard/", {"filter": {}, "dryRun": True, "note": "x"}, operator).json()

    assert redriven == {
        "summary": "1 of 2 would be stored now; 1 fail again: not_json.", "total": 2, "totalIsLeast": False,
        "upTo": newest, "checked": 2, "stored": 1, "duplicate": 0, "dropped": 0, "failing": {"not_json": 1},
        "unfixed": {},
    }  # fmt: skip
    assert discarded == {"upTo": newest, "total": 2, "totalIsLeast": False}
    assert not Job.objects.exists()


def test_what_a_dry_run_counted_is_what_a_request_takes(site: Deployment) -> None:
    counted = make_letter(0).pk
    make_letter(1)
    body, operator = {"filter": {}, "upTo": counted, "note": "x"}, token("admin")

    tried = [post(f"{LETTERS}{what}/", {**body, "dryRun": True}, operator).json() for what in ("redrive", "discard")]
    jobs = [post(f"{LETTERS}{what}/", body, operator).json() for what in ("redrive", "discard")]

    assert [(one["total"], one["upTo"]) for one in tried] == [(1, counted)] * 2
    assert [job["arguments"]["up_to"] for job in jobs] == [counted] * 2


def test_the_dry_run_of_one_discard_changes_nothing(site: Deployment) -> None:
    letter = make_letter(0)

    answer = post(f"{LETTERS}{letter.pk}/discard/", {"dryRun": True, "note": "x"}, token("admin"))

    assert (answer.status_code, answer.json()) == (200, {"upTo": letter.pk, "total": 1, "totalIsLeast": False})
    assert not Job.objects.exists()


def test_what_is_over_or_on_its_way_is_a_conflict(site: Deployment) -> None:
    operator = token("admin")

    for line, state in enumerate(("sent", "stored", "discarded")):
        number = make_letter(line, state=state).pk
        answers = [
            post(f"{LETTERS}{number}/redrive/", {}, operator),
            post(f"{LETTERS}{number}/redrive/", b'{"event": %b}' % (GOOD % 1), operator),
            post(f"{LETTERS}{number}/discard/", {"note": "x"}, operator),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "not_mendable")] * 3
    assert post(f"{LETTERS}999999/redrive/", {}, operator).status_code == 404


MISTAKES = [
    ("redrive/", b"", 400, [""]),
    ("redrive/", b'{"ids": [1], "filter": {}}', 400, [""]),
    ("redrive/", b'{"ids": []}', 400, ["/ids"]),
    ("redrive/", b'{"ids": [1, "secret"]}', 400, ["/ids/1"]),
    ("redrive/", b'{"filter": {"state": "secret"}}', 400, ["/filter/state"]),
    ("redrive/", b'{"filter": {"secret": 1}}', 400, ["/filter"]),
    ("redrive/", b'{"filter": {}, "rate": 0}', 400, ["/rate"]),
    ("discard/", b'{"filter": {}}', 400, [""]),
    ("discard/", b'{"filter": {}, "note": " "}', 400, ["/note"]),
    ("redrive/", b'{"secret', 400, [""]),
    ("redrive/", b'{"note": "\xff"}', 400, [""]),
    ("redrive/", b"[" * 100_000, 400, [""]),
    ("redrive/", b" " * 3_000_000, 413, []),
    ("redrive/?surprise=1", b'{"filter": {}}', 400, ["?"]),
]


def test_a_body_that_can_not_be_used_is_told_where(site: Deployment) -> None:
    operator = token("admin")

    for address, body, status, pointers in MISTAKES:
        answer = post(f"{LETTERS}{address}", body, operator)

        assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (status, pointers), body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert b"secret" not in answer.content
    assert not Job.objects.exists()


def test_a_body_of_another_kind_is_refused(site: Deployment) -> None:
    answer = Client().post(
        f"{LETTERS}redrive/", "filter=", content_type="text/plain", headers={"Authorization": token("admin")}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_job_is_read_and_cancelled(site: Deployment) -> None:
    job = make_job()

    cancelled = post(f"/api/jobs/{job.pk}/cancel/", None, token("admin")).json()

    assert get(f"/api/jobs/{job.pk}/") == {**cancelled, "report": None}
    assert cancelled.items() >= {"state": "cancelled", "cancelRequested": True}.items()
    assert get("/api/jobs/?state=cancelled&kind=redrive")["results"] == [cancelled]
    assert get("/api/jobs/?state=running")["results"] == []
    assert refused("/api/jobs/999999/")[0] == 404
    assert refused("/api/jobs/?state=lost")[0] == 400
    assert refused("/api/jobs/?reason=lost")[1]["code"] == "unknown_parameter"


def token(scope: str) -> str:
    return f"Bearer {api_keys.create(scope, [scope])[1]}"


def post(address: str, body: object, authorization: str = "") -> Any:
    """Post JSON; bytes go as they are, None is no body at all."""
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"Authorization": authorization} if authorization else {}
    return Client().post(address, sent, content_type="application/json", headers=headers)


def make_job() -> Job:
    return Job.objects.create(kind="redrive", arguments={"selection": {}}, who="ann", created_at=timezone.now())


def make_letter(line: int, **values: object) -> DeadLetter:
    usual: dict[str, object] = {
        "raw": b"{", "reason": "not_json", "detail": "not JSON", "stage": "decode", "fingerprint": "f", "partition": 1,
        "first_seen": NOON,
    }  # fmt: skip
    return DeadLetter.objects.create(
        topic=topic(), offset=9, line=line, received=NOON, last_seen=NOON, **(usual | values)
    )
