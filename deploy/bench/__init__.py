"""`make bench`: measures the product on real servers."""
