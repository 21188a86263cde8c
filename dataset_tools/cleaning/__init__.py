"""Import of foreign rows as records, and repair of records."""
