"""The data that pages and the live feed both show: snapshots, series, rates, notices."""
