"""`make fuzz`: sends malformed requests to a real receiver."""
