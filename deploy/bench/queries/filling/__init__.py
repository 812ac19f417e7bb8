"""Months of events for the stores, with all that a consumer and packing would have left; may import the product alone."""
