"""The pages of jobs: what each one is about in words, how far it is, what it found. May import queries and processing."""
