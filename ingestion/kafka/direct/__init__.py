"""Records straight to the leaders of their partitions, on the event loop. May import the other Kafka modules and the client."""
