"""Verification of a release: checksums, headers, loading, recorded answers."""
