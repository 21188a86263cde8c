"""Splits without leakage: related rows stay in the same split."""
