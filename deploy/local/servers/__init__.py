"""The four servers as packages provide them: Kafka, PostgreSQL, MongoDB, Redis."""
