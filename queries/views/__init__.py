"""One view for each address: parse the request, call one read or action, return the answer."""
