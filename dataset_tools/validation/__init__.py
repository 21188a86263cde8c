"""Validation of a dataset against the catalogue of checks."""
