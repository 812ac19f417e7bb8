"""What became of everything that was sent: counted for the table, then held in every detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.testing.deployment import Deployment
from ingestion.tests import topic
from processing.tests import expectations
from processing.tests.expectations import Expected, Identity

_NUMBERS = "SELECT source_id, id::text, (payload->>'n')::int FROM events WHERE payload ? 'n' ORDER BY"
_IN_ORDER_OF_THE_TOPIC = f'{_NUMBERS} topic_id, partition, "offset", line'
# A batch is stored at one time, and has a source's events from one partition only.
_IN_ORDER_OF_STORING = f'{_NUMBERS} stored, partition, "offset", line'


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the stores differ from what was sent."""

    events: int
    lost: int  # acknowledged, and no row or no document
    phantom: int  # a row or document of nothing that was sent
    doubled: int  # in the table, or in the ledger, more than once


def judge(site: Deployment, expected: Expected) -> Verdict:
    sent = expected.events.keys()
    rows, documents = expectations.rows(site).keys(), expectations.documents(site).keys()
    ledger = sum(stored for _, stored, *_ in expectations.ledger(site).values())
    return Verdict(
        events=len(sent),
        lost=len(sent - (rows & documents)),
        phantom=len((rows | documents) - sent),
        doubled=max(0, ledger - len(rows)),
    )


def assert_all_right(site: Deployment, expected: Expected, *, grown: bool = False) -> None:
    """Rows, documents, rollups, letters, ledger and order are what was sent, and reconcile finds nothing.

    :param grown: the topics have got partitions meanwhile
    """
    assert sorted(expected.events.keys() - expectations.published(site)) == []
    expectations.assert_stored(site, expected.events.values())
    assert expectations.letters(site) == expected.letters
    assert_accounts_agree(site, expected)
    assert_order_kept(site, grown=grown)
    assert expectations.differences() == []


def assert_accounts_agree(site: Deployment, expected: Expected) -> None:
    """As was sent, but for duplicates: a sender that was not answered can't know which of its batches came in."""
    found, wanted = expectations.totals(site), expected.totals()
    assert {source: (stored, dead) for source, (_, stored, _, dead) in found.items()} == {
        source: (stored, dead) for source, (_, stored, _, dead) in wanted.items()
    }
    assert all(read == stored + duplicate + dead for read, stored, duplicate, dead in found.values())
    assert all(duplicate >= wanted[source][2] for source, (_, _, duplicate, _) in found.items())
    assert expectations.ledger(site) == found


def assert_order_kept(site: Deployment, *, grown: bool = False) -> None:
    """The numbers of each source ascend, in its rows' places and in what was published.

    Where the topics have grown, a source changes its partition once: its numbers ascend in the order in which its rows
    were stored, and in each partition of what was published.
    """
    rows = expectations.query(site, _IN_ORDER_OF_STORING if grown else _IN_ORDER_OF_THE_TOPIC)
    assert out_of_order((source, id_, number) for source, id_, number in rows) == []
    published = (
        (f"{line['source']} {record.partition}" if grown else line["source"], line["id"], line["payload"].get("n"))
        for record in topic.kept(site.processed_topic)
        for line in record.lines
    )
    assert out_of_order(published) == []


def out_of_order(events: Iterable[tuple[str, str, int | None]]) -> list[Identity]:
    """Events that come after a later one of their source for the first time."""
    latest: Counter[str] = Counter()
    seen: set[Identity] = set()
    wrong = []
    for source, id_, number in events:
        if number is None or (source, id_) in seen:
            continue
        seen.add((source, id_))
        if number < latest[source]:
            wrong.append((source, id_))
        latest[source] = max(latest[source], number)
    return wrong
