"""HTTP under every HTTP receiver: requests, responses, limits, the ASGI cycle. Knows no receiver."""
