"""The bounds of labels."""

from __future__ import annotations

from ingestion.events.batch import BatchLimits
from ingestion.events.source_labels import LEFT_OUT, MAX_LABEL_BYTES, MAX_LABELS, bounded
from ingestion.receivers.http import cloudevents
from ingestion.receivers.influx import line_protocol, points

NOW = 1_800_000_000_000_000  # microseconds


def test_what_fits_is_kept_as_it_is() -> None:
    labels = {f"name-{n}": "v" * MAX_LABEL_BYTES for n in range(MAX_LABELS)}

    assert bounded(labels) == labels


def test_labels_above_the_limit_are_left_out_and_counted() -> None:
    kept = bounded({f"name-{n}": "v" for n in range(1_000)} | {"ü" * 129: "v"})

    assert len(kept) == MAX_LABELS
    assert kept[LEFT_OUT] == "938"


def test_a_long_value_is_cut_between_characters() -> None:
    kept = bounded({"name": "ü" * 1_000})["name"]

    assert kept.endswith("ü…")
    assert len(kept.encode()) <= MAX_LABEL_BYTES


def test_tags_of_any_number_and_length_are_bounded_whatever_their_order() -> None:
    tags = [f"tag{n:03}=" + "v" * 300 for n in range(200)]
    lines = [f"m,{','.join(tags)} f=1", f"m,{','.join(reversed(tags))} f=1"]

    batch = points.read(line_protocol.lines("\n".join(lines).encode()), points.LineSettings(1, NOW, BatchLimits()))

    [labels] = (batch.labels or {}).values()
    assert len(batch.events) == 2
    assert len(labels) == MAX_LABELS
    assert max(len(value.encode()) for value in labels.values()) <= MAX_LABEL_BYTES
    assert (labels["measurement"], labels[LEFT_OUT]) == ("m", "138")


def test_the_name_of_a_cloud_event_source_is_bounded() -> None:
    text = b'{"specversion":"1.0","id":"1","type":"t","source":"/%b"}' % (b"n" * 250_000)

    batch = cloudevents.parse_structured(text, now=NOW, limits=BatchLimits())

    [labels] = (batch.labels or {}).values()
    assert len(labels[cloudevents.LABEL].encode()) == MAX_LABEL_BYTES
