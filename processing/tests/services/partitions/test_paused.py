"""A partition with too many dead letters is held, with real consumers; an operator resumes it."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import call
from processing.ledger.incidents import open_incidents
from processing.models import ConsumerMember, DeadLetter, Hold, Progress
from processing.tests import expectations, factories, group
from processing.tests.commands import run_json

pytestmark = pytest.mark.services

BAD = 1  # the partition
GOOD = 2
WAIT = 30  # seconds


def bad_lines(count: int) -> list[bytes]:
    return [b"not JSON %d" % number for number in range(count)]


def progress(partition: int) -> int:
    found = Progress.objects.filter(partition=partition).first()
    return found.next_offset if found else 0


def health(consumer: ProductProcess) -> dict[str, object]:
    found: dict[str, object] = call(consumer.url, "GET", "/readyz").json
    return found


def resume(site: Deployment, *options: str) -> dict[str, object]:
    return run_json("partitions", "resume", site.raw_topic, str(BAD), *options)


def held() -> list[int]:
    return list(Hold.objects.filter(released_at=None).values_list("partition", flat=True))


@pytest.mark.sample
def test_bad_lines_in_a_row_hold_their_partition_until_an_operator_acts(
    site: Deployment,
) -> None:
    consumer = site.start_consumer()
    factories.put_all(site.raw_topic, [*bad_lines(1_000), *factories.good_lines(5)], partition=BAD)
    factories.put_all(site.raw_topic, factories.good_lines(100), partition=GOOD)

    # 200 went through before it was held; the other partition goes on.
    site.wait_for(lambda: held() == [BAD] and progress(GOOD) == 100, WAIT)
    assert (progress(BAD), DeadLetter.objects.count()) == (200, 200)
    assert open_incidents().get().subject == f"{site.raw_topic}/{BAD}"
    site.wait_for(lambda: health(consumer)["held"] == [BAD], WAIT)
    factories.put_all(site.raw_topic, factories.good_lines(100, first=100), partition=GOOD)
    site.wait_for(lambda: progress(GOOD) == 200, WAIT)
    assert (health(consumer)["status"], progress(BAD)) == ("ready", 200)

    # Killed while it is held: it stays held.
    consumer.kill()
    group.expel_members(site.name)
    consumer = site.start_consumer()
    site.wait_for(lambda: health(consumer)["held"] == [BAD], WAIT)
    assert progress(BAD) == 200

    # Resumed: its count starts at zero, and it is paused again.
    assert resume(site, "--dry-run")["dryRun"]
    assert held() == [BAD]
    resume(site)
    site.wait_for(lambda: held() == [BAD] and progress(BAD) == 400, WAIT)

    # Through the end: all of it becomes dead letters, and what comes after goes on.
    assert resume(site, "--through-end")["resumed"][0]["lenientUntil"] == 1_005  # type: ignore[index]
    factories.put_all(site.raw_topic, bad_lines(199), partition=BAD)
    site.wait_for(lambda: expectations.caught_up(site), WAIT)
    assert (held(), DeadLetter.objects.count()) == ([], 1_199)
    assert not open_incidents().exists()
    with pytest.raises(CommandError, match="is not held"):
        resume(site)
    assert expectations.differences() == []


def test_one_bad_line_in_a_hundred_never_holds_a_partition(site: Deployment) -> None:
    lines = [line for round_ in range(30) for line in [*factories.good_lines(99, first=round_ * 99), b"not JSON"]]
    factories.put_all(site.raw_topic, lines, partition=BAD)

    site.start_consumer()
    site.wait_for(lambda: expectations.caught_up(site), WAIT)

    assert expectations.letters(site) == {("", "not_json"): 30}
    assert not Hold.objects.exists()


@pytest.mark.faults
def test_a_partition_that_trips_under_one_of_two_consumers_is_held_for_both(site: Deployment) -> None:
    consumers = [site.start_consumer(), site.start_consumer()]
    site.wait_for(lambda: len(ConsumerMember.objects.exclude(partitions=[])) == 2, WAIT)
    for partition in range(6):
        factories.put_all(site.raw_topic, factories.good_lines(50, first=partition * 50), partition=partition)
    factories.put_all(site.raw_topic, [*bad_lines(300), *factories.good_lines(5, first=900)], partition=BAD)

    site.wait_for(lambda: held() == [BAD], WAIT)
    site.wait_for(lambda: [health(one)["held"] for one in consumers].count([BAD]) == 1, WAIT)
    assert progress(BAD) == 250
    holder = next(one for one in consumers if health(one)["held"] == [BAD])
    [other] = [one for one in consumers if one is not holder]

    # The partition goes to the other one, which does not read it either, and goes on with the rest.
    assert holder.stop() == 0
    site.wait_for(lambda: health(other)["held"] == [BAD], WAIT)
    factories.put_all(site.raw_topic, factories.good_lines(50, first=1_000), partition=GOOD)
    site.wait_for(lambda: progress(GOOD) == 100, WAIT)
    assert progress(BAD) == 250

    resume(site, "--through-end")
    site.wait_for(lambda: expectations.caught_up(site), WAIT)
    assert expectations.totals(site) == {"": (300, 0, 0, 300), "sensor-1": (355, 355, 0, 0)}
    assert expectations.differences() == []
