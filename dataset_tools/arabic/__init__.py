"""Pure functions on Arabic text: repair, folds, comparison, numbers.

This package reads no files, prints nothing and does not know records.
"""
