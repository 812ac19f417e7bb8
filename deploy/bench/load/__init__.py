"""Load generators for the benchmarks."""
