"""A release on disk: manifest, repositories, checksums, and headers of weights."""
