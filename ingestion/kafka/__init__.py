"""The write side of Kafka: record format, group commit, producer. The only package of this app that imports the Kafka client."""
