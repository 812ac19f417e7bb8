"""Opens incidents for what the consumer waits for; best effort, since PostgreSQL itself may have failed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from processing.cursors import Cursor
from processing.errors import KAFKA, MONGODB, POSTGRESQL, NeedsOperator, StoreUnavailable
from processing.ledger.incidents import close_incident, open_incident
from processing.models import Incident
from processing.stores.row_store import RowStore

logger = logging.getLogger(__name__)

OURSELVES = "consumer"  # subject of what is not about one store


class OperatorIncident:
    """The incidents of kind operator that this process may have opened; for the stores' thread."""

    def __init__(self, rows: RowStore) -> None:
        self._rows = rows
        # An earlier process may have ended while its incident was open.
        self._open = {POSTGRESQL, MONGODB, KAFKA, OURSELVES}

    def open(self, failure: NeedsOperator) -> None:
        """Open an incident, or count its repetition."""
        self._open.add(failure.subject)
        self._record(lambda cursor: open_incident(Incident.Kind.OPERATOR, failure.subject, str(failure), cursor=cursor))

    def close(self) -> None:
        """Close the incidents: everything works."""
        for subject in sorted(self._open):
            if self._record(lambda cursor, about=subject: close_incident(Incident.Kind.OPERATOR, about, cursor=cursor)):  # type: ignore[misc]
                self._open.discard(subject)

    def _record(self, what: Callable[[Cursor], object]) -> bool:
        try:
            with self._rows.cursor() as cursor:
                what(cursor)
        except (StoreUnavailable, NeedsOperator) as error:
            logger.debug("incident not recorded", extra={"reason": str(error)})
            return False
        return True
