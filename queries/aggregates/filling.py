"""Numbers for buckets without events, from the buckets around them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from queries.aggregates.query import Fill, Statistic
from queries.schemas import Numbers


def fill(
    found: Sequence[Numbers | None], how: Fill, *, starts: Sequence[datetime], statistics: Sequence[Statistic]
) -> list[Numbers]:
    """Return the numbers of all buckets of one series.

    `previous` repeats the last bucket with events, `linear` lies on the line between the two around it, by the starts of the
    buckets. Before the first (and, for `linear`, after the last) there is nothing to go by: null. A filled bucket's `count`
    is 0 in any case.

    :param found: the numbers of each bucket, or None if it has no event
    """
    others = [name for name in statistics if name != "count"]
    filler = _FILLERS[how](found, starts)
    return [
        numbers if numbers is not None else _numbers(others, lambda name, at=index: filler(at, name))  # type: ignore[misc]
        for index, numbers in enumerate(found)
    ]


Filler = Callable[[int, Statistic], float | None]


def _numbers(names: Sequence[Statistic], value: Callable[[Statistic], float | None]) -> Numbers:
    numbers: Numbers = {"count": 0}
    for name in names:
        numbers[name] = value(name)
    return numbers


def _null(_: Sequence[Numbers | None], __: Sequence[datetime]) -> Filler:
    return lambda index, name: None


def _zero(_: Sequence[Numbers | None], __: Sequence[datetime]) -> Filler:
    return lambda index, name: 0.0


def _previous(found: Sequence[Numbers | None], _: Sequence[datetime]) -> Filler:
    before = _nearest(found)

    def value(index: int, name: Statistic) -> float | None:
        last = before[index]
        numbers = None if last is None else found[last]
        return None if numbers is None else numbers[name]

    return value


def _linear(found: Sequence[Numbers | None], starts: Sequence[datetime]) -> Filler:
    before = _nearest(found)
    after = [None if each is None else len(found) - 1 - each for each in _nearest(found[::-1])][::-1]

    def value(index: int, name: Statistic) -> float | None:
        low, high = before[index], after[index]
        if low is None or high is None:
            return None
        one, other = found[low], found[high]
        assert one is not None
        assert other is not None
        share = (starts[index] - starts[low]) / (starts[high] - starts[low])
        return _between(one[name], other[name], share)

    return value


def _between(one: float | None, other: float | None, share: float) -> float | None:
    # In two products: the difference of two doubles may be none.
    return None if one is None or other is None else one * (1 - share) + other * share


def _nearest(found: Sequence[Numbers | None]) -> list[int | None]:
    """Return for each bucket the number of the last one with events up to it."""
    nearest: list[int | None] = []
    last = None
    for index, numbers in enumerate(found):
        last = last if numbers is None else index
        nearest.append(last)
    return nearest


_FILLERS: dict[Fill, Callable[[Sequence[Numbers | None], Sequence[datetime]], Filler]] = {
    "null": _null,
    "zero": _zero,
    "previous": _previous,
    "linear": _linear,
}
