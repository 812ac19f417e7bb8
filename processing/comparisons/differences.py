"""What each kind of difference between the stores means. Pure."""

from __future__ import annotations

MEANINGS = {
    "event_lost": "in Kafka, but neither stored nor dead-lettered nor a duplicate",
    "letter_missing": "in Kafka and not storable, but its dead letter is missing",
    "stored_and_dead_lettered": "both stored and dead-lettered",
    "letter_without_line": "a dead letter of a line that is not in Kafka",
    "row_without_line": "a row whose line is not in Kafka at its offset",
    "row_ahead_of_progress": "a row of a record that is not processed yet",
    "row_differs_from_line": "a row whose content differs from Kafka's line",
    "row_changed": "a row that has neither what was sent nor what its revision of logic makes of it",
    "row_without_document": "a row without its raw document",
    "document_without_row": "a raw document without its row",
    "row_differs_from_document": "a row whose content differs from its raw document",
    "document_changed": "a raw document whose content was changed",
    "ledger_differs": "a row of the ledger that differs from the recount",
    "statistics_differ": "a source's totals are not the sums of its ledger",
    "unaccounted": "the ledger's read is not the sum of its outcomes",
    "rollup_minute_differs": "a minute's rollup differs from the sum of its rows",
    "rollup_hour_differs": "an hour's rollup differs from the sum of its rows",
    "latest_value_differs": "a latest value is not the newest row's",
    "rule_counts_differ": "the ledger's dropped events are not those that rules and replays dropped",
    "removed_unread": "records that retention removed unread, not recorded as a gap yet",
    "progress_differs": "a partition's counts of records and events differ from the recount",
}
