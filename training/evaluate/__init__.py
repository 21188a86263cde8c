"""Evaluation: scores of answers against reference calls, with intervals."""
