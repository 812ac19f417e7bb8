"""`make demo`: sends 18,979 real weather readings and a live feed."""
