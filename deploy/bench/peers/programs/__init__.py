"""The peer's two processes, as a good developer writes them in an afternoon; they import nothing of the product."""
