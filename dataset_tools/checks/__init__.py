"""The catalogue of checks; see :mod:`dataset_tools.checks.base` for what a check is."""

from dataset_tools.checks.base import Check, Found, Repair, Scope, Severity, catalogue

__all__ = ["Check", "Found", "Repair", "Scope", "Severity", "catalogue"]
