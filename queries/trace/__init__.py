"""What became of one event, step by step."""
