"""Export, cards, publishing and verification of models, and the ``afg`` command line."""
