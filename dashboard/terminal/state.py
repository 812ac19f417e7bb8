"""The state of the pipeline at one moment, read as pages read it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.panels import notices, rates, status_line
from dashboard.panels.notices import Notice
from dashboard.panels.rates import Account, Rates
from dashboard.panels.snapshot import milliseconds
from dashboard.panels.status_line import StatusLine
from ingestion.auth.read_scope import ReadScope
from queries.pipeline import dependencies, status
from queries.reads.postgres import ReadUnavailable
from queries.schemas import Pipeline, Stores
from queries.sources.health import index
from queries.sources.health.state import State


@dataclass(frozen=True, slots=True)
class PipelineState:
    """What is known of the pipeline; None: not known."""

    line: StatusLine
    notices: list[Notice]
    pipeline: Pipeline | None
    stores: Stores
    sources: Counter[State] | None
    rates: Rates

    @property
    def is_healthy(self) -> bool:
        """Return whether nothing needs anybody."""
        return self.line["tone"] == "good"

    def shape(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "healthy": self.is_healthy,
            "status": self.line,
            "rates": self.rates,
            "notices": self.notices,
            "sources": None if self.sources is None else dict(self.sources),
            "stores": self.stores,
            "pipeline": self.pipeline,
        }


class StateReader:
    """Reads the state again and again; rates follow from two readings."""

    def __init__(self, scope: ReadScope) -> None:
        self._scope = scope
        self._before: Account | None = None

    def read(self) -> PipelineState:
        """Read the state. Takes some seconds while a server does not answer."""
        try:
            pipeline = status.read(scope=self._scope)
        except status.LedgerUnavailable as error:
            return self._unknown(error.states)
        except ReadUnavailable:
            return self._unknown(dependencies.states())
        doors = pipeline["doors"]
        account = Account(milliseconds(pipeline["at"]), pipeline["ledger"], doors and doors["acceptedPerSecond"])
        if self._before is not None and account.at == self._before.at:
            # Kept for a second: a reading too close to the last one tells no rate.
            time.sleep(status.KEPT_FOR)
            return self.read()
        before, self._before = self._before, account
        return PipelineState(
            status_line.of_line(pipeline, scope=self._scope),
            notices.of_line(pipeline),
            pipeline,
            pipeline["stores"],
            _sources(self._scope),
            rates.rates(before, account),
        )

    def read_with_rates(self) -> PipelineState:
        """Read the state twice, a second apart, if once tells no rates."""
        found = self.read()
        if found.pipeline is None or found.rates["stored"] is not None:
            return found
        time.sleep(status.KEPT_FOR)
        return self.read()

    def _unknown(self, stores: Stores) -> PipelineState:
        self._before = None
        line = status_line.of_stores(stores)
        return PipelineState(line, notices.of_stores(stores), None, stores, None, rates.UNKNOWN)


def _sources(scope: ReadScope) -> Counter[State] | None:
    try:
        return index.read(scope=scope, now=datetime.now(tz=UTC)).counts
    except ReadUnavailable:
        return None
