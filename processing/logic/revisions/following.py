"""Looks whether labels that rules use have changed: senders register sources with labels, too."""

from __future__ import annotations

import logging
import time

from django.db import connection

from processing.errors import POSTGRESQL_AWAY
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import saving

logger = logging.getLogger(__name__)

WHO = "registry of sources"
LOOK_EVERY = 30.0  # seconds


class LabelFollower:
    """Makes a revision with today's labels current; for one worker."""

    def __init__(self) -> None:
        self._looked = float("-inf")  # time.monotonic()

    def look(self) -> None:
        """Follow the labels, if it is time to. While PostgreSQL is away nothing is done."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            saving.follow_labels(who=WHO)
        except InvalidLogic as error:
            logger.warning("the current logic can't be read, so it keeps its labels", extra={"reason": str(error)})
        except POSTGRESQL_AWAY as error:
            logger.warning("can't see whether labels have changed", extra={"reason": type(error).__name__})
            connection.close()
