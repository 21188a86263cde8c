"""Conversion of foreign rows to records."""
