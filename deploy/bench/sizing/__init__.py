"""The bytes that an event takes in each store and topic, by how many sources send how many fields how often."""
