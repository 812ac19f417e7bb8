"""The pages and their live feed, on the reads of `queries`."""
