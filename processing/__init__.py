"""Read from Kafka, store each event exactly once and account for every line."""
