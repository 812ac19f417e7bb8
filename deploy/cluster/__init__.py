"""`make cluster`: the product on servers of several members each, all on this machine and small."""
