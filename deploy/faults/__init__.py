"""`make faults`: runs every fault with five seeds and writes docs/faults.md."""
