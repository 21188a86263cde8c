"""Answers of a model: questions, decoders, and the cache of answers."""
