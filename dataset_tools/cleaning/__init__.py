"""Import and cleaning: foreign rows to records, and the repairs that make them right."""
