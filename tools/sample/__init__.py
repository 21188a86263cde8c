"""Makers of the bundled sample and its damaged copy."""
