"""Tells the operator, by incidents, what the consumer waits for; best effort, since PostgreSQL may be what fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

from processing.errors import KAFKA, MONGODB, POSTGRESQL, NeedsOperator, StoreUnavailable
from processing.ledger.incidents import Cursor, close_incident, open_incident
from processing.models import Incident
from processing.stores.row_store import RowStore

logger = logging.getLogger(__name__)

OURSELVES = "consumer"  # subject of what is not about one store


class OperatorIncident:
    """The incidents of kind operator that this process may have opened; for the stores' thread."""

    def __init__(self, rows: RowStore) -> None:
        self._rows = rows
        # A process before this one may have ended while its alarm rang.
        self._ringing = {POSTGRESQL, MONGODB, KAFKA, OURSELVES}

    def open(self, failure: NeedsOperator) -> None:
        """Open an incident, or count it once more."""
        self._ringing.add(failure.subject)
        self._tell(lambda cursor: open_incident(Incident.Kind.OPERATOR, failure.subject, str(failure), cursor=cursor))

    def close(self) -> None:
        """Close the incidents: everything works."""
        for subject in sorted(self._ringing):
            if self._tell(lambda cursor, about=subject: close_incident(Incident.Kind.OPERATOR, about, cursor=cursor)):  # type: ignore[misc]
                self._ringing.discard(subject)

    def _tell(self, what: Callable[[Cursor], object]) -> bool:
        try:
            with self._rows.cursor() as cursor:
                what(cursor)
        except (StoreUnavailable, NeedsOperator) as error:
            logger.debug("incident not told", extra={"reason": str(error)})
            return False
        return True
