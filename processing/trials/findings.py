"""What a trial has found so far: counted event by event, and kept between the chunks of its job. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ingestion.events import timestamps
from processing.events.entries import Entries
from processing.events.judged import RuleCounts, RuleTally
from processing.events.made import Made
from processing.logic.engine import Logic
from processing.trials.examples import Examples, example
from processing.trials.verdicts import OUTCOMES, Outcome, Verdict, differ, outcomes, verdicts

DAY = 86_400_000_000  # microseconds
RULE_COUNTS = RuleTally.__struct_fields__
MOST_TAGS = 100  # that are counted

Counts = dict[str, int]


class Sides(msgspec.Struct, rename="camel"):
    """Events with an outcome: by the revision that is current alone, by the one that is tried alone, by both."""

    only_present: int = 0
    only_tried: int = 0
    both: int = 0


class Pair(NamedTuple):
    """What both revisions do with an event; there are few."""

    tried: tuple[Outcome, ...]
    present: tuple[Outcome, ...]
    different: bool


AS_SENT = Pair(("stored",), ("stored",), different=False)


class Findings(msgspec.Struct, rename="camel"):
    """The counts of a trial."""

    events: int = 0
    damaged: int = 0  # documents that do not match their own hash
    different: int = 0  # events whose row would not be as it is by the current revision
    outcomes: dict[str, Sides] = msgspec.field(default_factory=lambda: {name: Sides() for name in OUTCOMES})
    rules: dict[str, dict[str, RuleTally]] = {}  # by kind and name
    days: dict[str, Counts] = {}
    tags: Counts = {}
    examples: Examples = msgspec.field(default_factory=Examples)

    def add(self, entries: Entries, *, tried: Logic, present: Logic) -> None:
        """Judge events of one day by both revisions, and count."""
        judged = tried.judge(entries)
        day = self._day(entries, judged.counts)
        self.events += len(entries)
        found, now = verdicts(judged, entries), verdicts(present.judge(entries), entries)
        pairs: Counter[Pair] = Counter()
        for index, (verdict, other, sent) in enumerate(zip(found, now, entries.values, strict=True)):
            if verdict is other is None:
                continue
            different = differ(verdict, other, sent)
            pair = Pair(outcomes(verdict, sent), outcomes(other, sent), different)
            pairs[pair] += 1
            if kinds := self.examples.wanted(pair.tried, different):
                self.examples.add(kinds, example(entries[index], verdict, different=different))
        pairs[AS_SENT] += len(entries) - pairs.total()
        self._count(day, pairs)
        self._count_tags(found)

    def _day(self, entries: Entries, counts: RuleCounts) -> Counts:
        unknown = 0
        for account, tally in counts.items():
            total = self.rules.setdefault(account.kind, {}).setdefault(account.name, RuleTally())
            for name in RULE_COUNTS:
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            unknown += tally.unknown
        date = timestamps.from_micros(entries.times[0]).date().isoformat()
        day = self.days.setdefault(date, dict.fromkeys((*OUTCOMES, "unknown"), 0))
        day["unknown"] += unknown
        return day

    def _count(self, day: Counts, pairs: Counter[Pair]) -> None:
        for pair, count in pairs.items():
            self.different += count * pair.different
            for name in pair.tried:
                day[name] += count
                self.outcomes[name].both += count * (name in pair.present)
                self.outcomes[name].only_tried += count * (name not in pair.present)
            for name in pair.present:
                self.outcomes[name].only_present += count * (name not in pair.tried)

    def _count_tags(self, found: Sequence[Verdict]) -> None:
        counted = Counter(tag for verdict in found if isinstance(verdict, Made) for tag in verdict.tags)
        for tag, count in counted.items():
            if tag in self.tags or len(self.tags) < MOST_TAGS:
                self.tags[tag] = self.tags.get(tag, 0) + count


def by_day(times: Sequence[int]) -> list[list[int]]:
    """Return the indexes of the events of each day, so that what is counted with them is counted for that day."""
    found: dict[int, list[int]] = {}
    for index, ts in enumerate(times):
        found.setdefault(ts // DAY, []).append(index)
    return list(found.values())
