"""English, with times that read the same everywhere."""
