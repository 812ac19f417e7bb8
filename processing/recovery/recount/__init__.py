"""Read Kafka, documents and rows again and count what each holds."""
