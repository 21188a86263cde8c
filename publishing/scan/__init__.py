"""The scan for secrets and unsafe files before publishing."""
