"""What other processes measured over time and keep in Redis: latencies and volumes, with a forecast. Imports `reads`."""
