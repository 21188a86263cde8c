"""Number of examples of property tests: all of them in ``make test-all``, a fifth in ``make test``."""

import os

__all__ = ["examples"]


def examples(full: int) -> int:
    """Return the number of examples for a property that deserves ``full`` of them."""
    return max(20, full // 5) if os.environ.get("AFG_FAST_TESTS") else full
