"""What receivers count and refuse: reads for pages, API and live feed."""
