"""What every receiver does with a batch: authenticate, check room, filter sources, submit, await Kafka. Knows no protocol."""
