"""Receive events, check them and put them into Kafka: receivers -> acceptance -> kafka, auth -> events."""
