"""Calculates how many processes, brokers and bytes a load takes, from what was measured in docs/performance.md."""
