"""Input: data files, shards, and rows as JSON objects."""
