"""`make faults` and `make faults-cluster`: run every fault with several seeds and write docs/faults.md."""
