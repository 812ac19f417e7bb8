"""What a batch adds to the progress of its partitions, and to what is known of its logic; imports `events`."""
