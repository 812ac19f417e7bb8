"""Compare the counts of Kafka, MongoDB and PostgreSQL and report every difference."""
