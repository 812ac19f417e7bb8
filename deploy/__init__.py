"""Everything around the product: the local launcher, test deployments, benchmarks, demo, faults, image."""
