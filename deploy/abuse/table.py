"""Prints what the neighbour noticed of each attack, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.abuse.neighbour import Share

LEAST_SUCCESS = 99.0  # percent of each kind of attempt
MOST_SECONDS = 2.0  # of a p99, on two cores that the attacker's own work shares
MOST_GROWTH = 200_000_000  # bytes of one process


@dataclass(frozen=True, slots=True)
class Result:
    """One attack: how the neighbour's attempts went meanwhile, and the memory of each process in bytes."""

    name: str
    shares: Mapping[str, Share]
    before: Mapping[str, int]
    peak: Mapping[str, int]

    @property
    def faults(self) -> list[str]:
        """Return what was not within the bounds."""
        found = []
        for what, share in self.shares.items():
            if share.percent < LEAST_SUCCESS:
                found.append(f"{what}: {share.percent:.0f} %")
            elif share.p99 > MOST_SECONDS:
                found.append(f"{what}: p99 {share.p99:.1f} s")
        found += [f"{name} ended" for name in self.before.keys() - self.peak.keys()]
        found += [
            f"{name} grew by {(peak - self.before[name]) / 1e6:.0f} MB"
            for name, peak in self.peak.items()
            if peak - self.before.get(name, peak) > MOST_GROWTH
        ]
        return found


def lines(results: Sequence[Result], kinds: Sequence[str], processes: Sequence[str]) -> list[str]:
    """Return the table: success in percent and p99 in ms of each kind, memory in MB of each process."""
    head = ["attack", *kinds, *(f"{name} MB" for name in processes), "outside of the bounds"]
    table = [_row(head), _row(["---"] * len(head))]
    for result in results:
        cells = [result.name, *(_share(result.shares[kind]) for kind in kinds)]
        cells += [
            f"{result.before.get(name, 0) / 1e6:.0f} → {result.peak.get(name, 0) / 1e6:.0f}" for name in processes
        ]
        table.append(_row([*cells, "; ".join(result.faults) or "–"]))
    return table


def _share(share: Share) -> str:
    return f"{share.percent:.0f} %, {1000 * share.p99:.0f} ms" if share.succeeded else f"0 of {share.attempts}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
