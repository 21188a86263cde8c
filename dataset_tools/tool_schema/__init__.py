"""JSON Schemas of tool parameters: validation, views, and coercion of arguments."""
