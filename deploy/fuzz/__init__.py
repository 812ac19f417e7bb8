"""`make fuzz`: sends malformed requests to a real receiver and to the whole site."""
