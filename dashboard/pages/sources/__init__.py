"""The pages of sources: the list with the worst first, and one source with its charts. May import queries and processing."""
