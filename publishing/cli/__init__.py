"""The command line ``afg``: export, card, publish, pull, verify, doctor."""
