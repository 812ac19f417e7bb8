"""One module per measurement of `make bench`."""
