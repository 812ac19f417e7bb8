"""Dead letters and jobs over the API."""
