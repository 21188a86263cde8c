"""Catalogue of checks; :mod:`dataset_tools.checks.base` defines them."""

from dataset_tools.checks.base import Check, Defect, Repair, Scope, Severity, catalogue

__all__ = ["Check", "Defect", "Repair", "Scope", "Severity", "catalogue"]
