"""What happens to events between Kafka and the rows: schemas, rules, lookup tables. Pure but for `revisions`; imports `events`."""
