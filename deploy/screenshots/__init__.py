"""Pictures of the pages for the README, taken from the real product under load."""
