"""Rates between two samples."""

from __future__ import annotations

from dashboard.panels.rates import UNKNOWN, Account, Rates, rates
from processing.ledger.header_counts import Waiting
from processing.ledger.ledger import Totals, equation


def account(at: int, *, stored: int, in_flight: int | None = 0) -> Account:
    waiting = None if in_flight is None else Waiting(in_flight, in_flight, exact=True)
    return Account(at, equation(Totals(read=stored, stored=stored), in_flight=waiting))


def test_one_sample_tells_no_rate() -> None:
    assert rates(None, account(1000, stored=500)) == UNKNOWN


def test_accepted_counts_what_is_still_in_flight() -> None:
    found = rates(account(0, stored=100), account(2000, stored=300, in_flight=100))

    assert found == Rates(accepted=150.0, stored=100.0)


def test_accepted_is_unknown_while_the_number_in_flight_is_unknown() -> None:
    found = rates(account(0, stored=1), account(1000, stored=2, in_flight=None))

    assert found == Rates(accepted=None, stored=1.0)


def test_samples_far_apart_tell_no_rate() -> None:
    assert rates(account(0, stored=0), account(60_000, stored=9)) == UNKNOWN


def test_while_what_waits_is_not_counted_the_receivers_say_what_was_accepted() -> None:
    bounded = equation(Totals(read=5, stored=5), in_flight=Waiting(90, 110, exact=False))

    found = rates(account(0, stored=1), Account(1000, bounded, acknowledged=7.5))

    assert found == Rates(accepted=7.5, stored=4.0)


def test_progress_that_steps_back_is_no_negative_rate() -> None:
    found = rates(account(0, stored=10, in_flight=50), account(1000, stored=20, in_flight=5))

    assert found["accepted"] == 0


def test_samples_that_nearly_coincide_tell_no_rate() -> None:
    assert rates(account(0, stored=0), account(5, stored=10)) == UNKNOWN
