"""The attacks, each a coroutine that attacks until a time; they import the target and nothing else of this folder."""
