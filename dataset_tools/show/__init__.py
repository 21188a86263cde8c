"""A view of samples token by token, on a terminal or as a page."""
