"""The overview: what needs a person, the ledger, the way of an event with its rates, and the newest events."""
