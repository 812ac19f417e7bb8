"""Retries what fails until it succeeds, each kind of failure in its own way (processing.errors)."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from processing.consumer.operator_incident import OperatorIncident
from processing.errors import LostRace, NeedsOperator, StoreUnavailable

logger = logging.getLogger(__name__)

Act = Callable[[], None]

FIRST_WAIT = 0.5  # seconds before a failed act is tried again
LONGEST_WAIT = 10.0  # seconds
TRIES = 3  # of an act that meets a bug, before the bug is looked for; or a race, before it waits


class ConsumerStopping(Exception):
    """The process has to end while an act fails: the batch is abandoned whole and redelivered."""


class _Bug(NeedsOperator):
    """An unexpected exception of our own."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"bug: {type(error).__name__}; the log has more")


@dataclass(frozen=True, slots=True)
class Retrier:
    """How one consumer waits; its acts begin and end outside any transaction."""

    stopping: threading.Event
    waiting: Callable[[str | None], None]  # told why an act waits, and None when it goes on
    forget: Callable[[], None]  # called before an act is repeated
    alarm: OperatorIncident

    def run(self, act: Act, *, recover: Act | None = None) -> None:
        """Repeat an act until it succeeds; between tries wait 0.5 s and longer.

        :param recover: called when the act has met bugs TRIES times: sets aside what they are due to. Without it a bug
            waits for an operator
        :raises Stopped: `stopping` was set
        """
        wait, tries, alarmed = FIRST_WAIT, _Tries(act, recover), False
        while (failure := tries.once()) is not None:
            if tries.more_at_once(failure):
                continue
            self.waiting(str(failure))
            fields = {"reason": str(failure), "seconds": round(wait, 1)}
            if isinstance(failure, NeedsOperator) and not (recover and isinstance(failure, _Bug)):
                logger.error("an operator must act", extra=fields)
                self.alarm.open(failure)
                alarmed = True
            else:
                logger.warning("waiting", extra=fields)
            self._pause(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        self.waiting(None)
        if alarmed:
            self.alarm.close()

    def go_on(self, reason: str) -> None:
        """Report what a long act does; call it periodically.

        :raises Stopped: `stopping` was set
        """
        if self.stopping.is_set():
            raise ConsumerStopping
        self.waiting(reason)

    def _pause(self, seconds: float) -> None:
        if self.stopping.wait(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
            raise ConsumerStopping
        self.forget()


class _Tries:
    """Counts what an act meets."""

    def __init__(self, act: Act, recover: Act | None) -> None:
        self._act = act
        self._recover = recover
        self._bugs = 0
        self._races = 0

    def once(self) -> Exception | None:
        """Try once, after recovery if it is due; return the failure."""
        try:
            if self._recover and self._bugs >= TRIES:
                self._recover()
                self._bugs = 0
            self._act()
        except (StoreUnavailable, NeedsOperator) as error:
            self._races += isinstance(error, LostRace)
            return error
        except ConsumerStopping:
            raise
        except Exception as error:
            self._bugs += 1
            if self._bugs == 1:
                logger.exception("unexpected failure")
            return _Bug(error)
        return None

    def more_at_once(self, failure: Exception) -> bool:
        """Return whether to retry without a wait."""
        if isinstance(failure, LostRace):
            return self._races < TRIES
        return isinstance(failure, _Bug) and self._recover is not None and self._bugs == TRIES
