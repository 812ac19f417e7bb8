"""The state of a partition: where it starts, whether it is held, how many dead letters it may have."""
