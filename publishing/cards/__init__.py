"""Model cards and dataset cards, rendered from measured results."""
