"""Training on clean records. The recipe and its command will live here."""
