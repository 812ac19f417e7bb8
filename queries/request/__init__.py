"""What a request asks for: query parameters, JSON bodies, times, cursors, pages."""
