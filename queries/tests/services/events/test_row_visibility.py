"""The full transaction id that is computed from a row's xmin."""

from __future__ import annotations

import pytest
from django.db import connection

from queries.events.row_visibility import FULL_ID

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]


def test_the_low_half_of_a_transaction_number_is_completed_rightly() -> None:
    # Numbers that no test database ever gets to: after one and two rounds of 32 bits.
    for latest, number in [(800, 799), (2**32 + 5, 2**32 - 3), (2**32 + 5, 2**32 + 2), (2**33 - 2, 2**33 + 7)]:
        statement = FULL_ID.replace("xmin::text", "%s::text")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {statement}", [latest, number % 2**32, latest % 2**32])
            assert cursor.fetchone() == (number,)
