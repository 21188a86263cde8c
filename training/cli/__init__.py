"""The commands ``afg train``, ``evaluate``, ``call`` and ``serve``."""
