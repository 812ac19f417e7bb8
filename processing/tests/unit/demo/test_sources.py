"""What the demo's sources send."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from ingestion.events import timestamps
from processing.demo import sources

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_source_is_ill_in_its_own_way() -> None:
    sent = {second: sources.in_second(second, NOON + timedelta(seconds=second)) for second in range(300)}
    events = [event for each in sent.values() for event in each]
    counts = Counter(event["sourceId"] for event in events)
    hot = [float(event["payload"]["temperature"]) for event in events if event["sourceId"] == "demo.press-hot"]
    broken = [event for event in events if event["sourceId"] == "demo.gateway-broken"]
    late = [event for event in sent[10] if event["sourceId"] == "demo.logger-clock"]

    assert counts.keys() == {source.name for source in sources.SOURCES}
    assert all(name.startswith(sources.PREFIX) for name in counts)
    assert counts["demo.tank-silent"] == sources.SILENT_AFTER
    assert counts["demo.pump-doubles"] == 3 * 300
    assert (hot[0] < 65, hot[-1] > 130) == (True, True)
    assert len({event["eventId"] for event in broken}) == 1
    assert len({str(event["payload"]) for event in broken}) == len(broken) < 200
    assert timestamps.parse_date_or_time(late[0]["timestamp"]) == NOON + timedelta(seconds=10) - sources.LATE_BY
