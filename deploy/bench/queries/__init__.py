"""`make bench-queries`: fills the stores with months of events, and measures how fast the web process reads them."""
