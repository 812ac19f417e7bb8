"""A batch between Kafka and the stores: decoding, deduplication, rollups, ledger deltas. Pure: no store, no client."""
